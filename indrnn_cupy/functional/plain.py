"""A user-defined recurrence in plain PyTorch, given one step."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..ops.cell import Cell
from ..reference.run import run_step


def plain_form(
    cell: Cell, step: Callable[..., Any], tensors: Sequence[Tensor], initial: Iterable[Tensor | None]
) -> Callable[..., Any]:
    """The recurrence as a function of lengths, resets, reverse and batch_first, with its tensors bound.

    `step` takes the inputs of a step, the weights and the states, and returns the next state, or a tuple of several; if
    the output is not a state, it returns the output (several are side by side) and the next state.
    """
    n_x, n_w = len(cell.inputs), len(cell.weights)
    x, weights = tensors[: len(tensors) - n_w], tensors[len(tensors) - n_w :]

    def one(*numbers: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        inputs, states = numbers[:n_x], numbers[n_x:]
        found = step(*inputs, *(w.to(states[0].dtype) for w in weights), *states)
        output, after = found if cell.has_output else (None, found)
        after = (after,) if isinstance(after, Tensor) else tuple(after)
        return (after[0] if output is None else output), after

    return partial(run_step, one, torch.cat(tuple(x), -1), n_x, tuple(initial), parts=cell.parts)
