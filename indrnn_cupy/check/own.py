"""A user-defined recurrence, for the checks."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from inspect import signature
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..functional.derived import CellFunction
from ..ops.cell import Cell, read_cell
from ..ops.cell_function import run
from ..ops.cells import OWN
from ..ops.declaration import without_comments
from .recurrences import Recurrence, flat, with_gradients


@dataclass(frozen=True)
class OwnRecurrence(Recurrence):
    """Its inputs are random, with weights from U(0, 1)."""

    call: CellFunction | None = None

    def function(self, *inputs: Tensor, **options: Any) -> tuple[Tensor, ...]:
        assert self.call
        names = [f"{name}0" for name in self.call.cell.states]
        tensors, states = inputs[: -len(names)], inputs[-len(names) :]
        return flat(self.call(*tensors, **dict(zip(names, states, strict=True)), **options))


def own(path: Path, options: Mapping[str, Any]) -> OwnRecurrence:
    """The recurrence of a file, compiled with `options` as macros; raises KernelError if there is none."""
    cell = read_cell(path, options=options)
    call = CellFunction(cell)

    def make_inputs(T: int, B: int, H: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
        return (
            *(torch.randn(T, B, H, dtype=dtype) for _ in cell.inputs),
            *_weights(cell, H, dtype),
            *_states(cell, B, H, dtype),
        )

    return OwnRecurrence(cell.name, {}, cell.key, make_inputs, len(cell.states), call=call)


def declaration(recurrence: OwnRecurrence) -> str:
    """Describes what a file declares."""
    assert recurrence.call
    cell = recurrence.call.cell
    shapes = zip(cell.weights, cell.weight_shapes(0), strict=True)
    weights = ", ".join(f"{name} ({f'{shape[0]}, ' if len(shape) > 1 else ''}H)" for name, shape in shapes)
    lines = {
        "call": f"{cell.name}{signature(recurrence.call)}",
        "inputs": ", ".join(cell.inputs),
        "weights": weights or "none",
        "states": ", ".join(cell.states),
        "output": "not a state" if cell.has_output else f"the state {cell.states[0]}",
        "gradient": "by hand" if cell.by_hand else "derived",
    }
    text = without_comments(cell.code)
    if unused := [p.name for p in cell.parameters if len(re.findall(rf"\b{p.name}\b", text)) < 2]:
        lines["not used"] = ", ".join(unused)
    if cell.by_hand and len(cell.kept) < len(cell.inputs):
        lines["not saved"] = ", ".join(name for n, name in enumerate(cell.inputs) if n not in cell.kept)
    return "\n".join(f"{name:<12} {text}" for name, text in lines.items())


def custom_gradient(cell: Cell) -> str | None:
    """A call in a cell whose gradient is not the derivative of its value."""
    found = re.search(r"\b(spike\w*|stop)\s*\(", without_comments(cell.code))
    return found and f"{found[1]}(...)"


def by_hand_error(cell: Cell) -> float:
    """The largest error of gradients by hand against derived ones, relative to the largest element, in float64."""
    derived = cell.derived()
    OWN[cell.key], OWN[derived.key] = cell, derived
    steps = {"lengths": torch.tensor([7, 0, 4]), "resets": torch.rand(7, 3) < 0.3, "reverse": True}
    x = [torch.randn(7, 3, 9, dtype=torch.float64) for _ in cell.inputs]
    weights, states = _weights(cell, 9, torch.float64), _states(cell, 3, 9, torch.float64)
    by = partial(_by, n=len(x), m=len(x) + len(weights), options=steps)
    each = [with_gradients(partial(by, key), (*x, *weights, *states)) for key in (cell.key, derived.key)]
    return max(((a - b).abs().max() / b.abs().max().clamp(min=1)).item() for a, b in zip(*each, strict=True))


def _by(key: str, *tensors: Tensor, n: int, m: int, options: dict[str, Any]) -> tuple[Tensor, ...]:
    found: tuple[Tensor, ...] = run(key, tensors[:n], tensors[n:m], tensors[m:], **options)
    return found


def _weights(cell: Cell, H: int, dtype: torch.dtype) -> list[Tensor]:
    return [torch.rand(shape, dtype=dtype) / max(1, len(shape)) for shape in cell.weight_shapes(H)]


def _states(cell: Cell, B: int, H: int, dtype: torch.dtype) -> list[Tensor]:
    return [torch.randn(B, H, dtype=dtype) for _ in cell.states]
