"""Individual units of elementwise recurrences: how long they remember, what they output, what is lost without them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from indrnn_cupy import recurrences
from indrnn_cupy.layers.bounds import BoundedRecurrence

from ..config import TaskError


def layers(model: nn.Module) -> list[BoundedRecurrence]:
    """Returns the recurrences with one weight u per unit, first to last."""
    found = list(recurrences(model))
    if not found:
        raise TaskError("the network has no recurrence with one weight per unit, such as IndRNN or IRevRNN")
    return found


def memories(layer: BoundedRecurrence, longest: float) -> np.ndarray:
    """Time steps until a state decays to 1/e, (H,): -1 / log |u|, at most `longest`."""
    u = layer.weight.detach().abs().double().cpu().numpy()
    kept = np.full(len(u), longest)
    within = (u > 0) & (u < 1)
    kept[within] = -1 / np.log(u[within])
    kept[u == 0] = 0
    return np.clip(kept, 0.1, longest)


def impulses(layer: BoundedRecurrence, units: np.ndarray, steps: int) -> np.ndarray:
    """Returns the states of some units after an input of 1 in the first time step and 0 thereafter, (steps, units)."""
    x = torch.zeros(steps, 1, layer.hidden_size, device=layer.weight.device, dtype=layer.weight.dtype)
    x[0] = 1
    with torch.no_grad():
        y = layer(x)[0]
    return y[:, 0, units].float().cpu().numpy()


@contextmanager
def recorded(model: nn.Module) -> Iterator[list[Tensor]]:
    """Records the outputs of every layer in calls inside this context, (T, B, H) each."""
    outputs: list[Tensor] = []

    def note(_: nn.Module, __: Any, result: tuple[Tensor, Any]) -> None:
        outputs.append(result[0].detach())

    with ExitStack() as stack:
        for layer in layers(model):
            stack.callback(layer.register_forward_hook(note).remove)
        yield outputs


@contextmanager
def silenced(layer: BoundedRecurrence, units: np.ndarray, means: Tensor) -> Iterator[None]:
    """Replaces the outputs of some units by their means, (H,), at every time step, which removes their information."""
    kept = torch.ones(layer.hidden_size, dtype=torch.bool)
    kept[units] = False

    def silence(_: nn.Module, __: Any, result: tuple[Tensor, Any]) -> tuple[Tensor, Any]:
        return torch.where(kept, result[0], means.to(result[0].dtype)), *result[1:]

    handle = layer.register_forward_hook(silence)
    try:
        yield
    finally:
        handle.remove()


def groups(memory: np.ndarray, count: int) -> list[np.ndarray]:
    """Splits the units, from short to long memories, into groups of about the same size."""
    return np.array_split(np.argsort(memory, kind="stable"), min(count, len(memory)))


def chosen(memory: np.ndarray, active: np.ndarray, count: int) -> np.ndarray:
    """Returns units evenly spaced in the order of memories, from the active ones if there are any."""
    order = np.argsort(memory, kind="stable")
    if active.any():
        order = order[active[order]]
    return order[np.linspace(0, len(order) - 1, min(count, len(order))).round().astype(int)]
