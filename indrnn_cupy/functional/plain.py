"""A recurrence of one's own in plain PyTorch, from what it does in a step."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor

from ..ops.cell import Cell
from ..reference import run_cell


def plain_form(
    cell: Cell, step: Callable[..., Any], tensors: Sequence[Tensor], initial: Iterable[Tensor | None]
) -> Callable[..., Any]:
    """The recurrence as a function of lengths, resets, reverse and batch_first, its tensors given.

    `step` takes the inputs of a step, the weights and the states, and gives the next state, of several a tuple; with an
    output that is no state, the output and that.
    """
    n_x, n_w = len(cell.inputs), len(cell.weights)
    x, weights = tensors[: len(tensors) - n_w], tensors[len(tensors) - n_w :]

    def one(x_t: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        wide = [w.to(x_t.dtype) for w in weights]
        found = step(*x_t.chunk(n_x, -1), *wide, *(states[1:] if cell.has_output else states))
        output, after = found if cell.has_output else ((), found)
        return *((output,) if cell.has_output else ()), *((after,) if isinstance(after, Tensor) else after)

    width = torch.cat(tuple(x), -1)
    first = (None,) * cell.has_output + tuple(initial)
    return partial(_run, one, width, first, width.shape[-1] // n_x, cell.has_output)


def _run(one, x, initial, width, has_output, lengths, resets, reverse, batch_first):
    sequences, last = run_cell(one, x, initial, lengths, resets, reverse, batch_first, width=width)
    return sequences[0], last[has_output:]
