"""Runs a step in plain PyTorch over a sequence: with lengths, resets, in reverse, batch first."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "hardtanh": torch.nn.functional.hardtanh,
    "identity": lambda x: x,
    "g": lambda x: torch.where(x >= 0, x + 0.5, torch.sigmoid(x)),
}


def run_cell(
    cell: Callable[..., tuple[Tensor, ...]],
    x: Tensor,
    initial: Sequence[Tensor | None],
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    batch_first: bool,
    width: int | None = None,
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """The states of a cell after each step, and the last states; 16-bit input is computed in float32.

    `width` is the width of the states, by default that of x.
    """
    dtype = x.dtype
    x = (x.transpose(0, 1) if batch_first else x).to(torch.promote_types(dtype, torch.float32))
    shape = (x.shape[1], x.shape[2] if width is None else width)
    states = tuple(x.new_zeros(shape) if s is None else s.to(x.dtype) for s in initial)
    inputs, outputs = x.unbind(0), [states] * len(x)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        before, valid = states, None if lengths is None else (t < lengths).unsqueeze(1)
        if resets is not None:
            marked = resets[:, t] if batch_first else resets[t]
            before = tuple(s.masked_fill(marked.unsqueeze(1), 0) for s in before)
        if valid is None:
            states = outputs[t] = cell(inputs[t], *before)
        else:
            new = cell(torch.where(valid, inputs[t], 0), *before)
            states = tuple(torch.where(valid, n, s) for n, s in zip(new, states, strict=True))
            outputs[t] = tuple(torch.where(valid, n, 0) for n in new)
    sequences = map(torch.stack, zip(*outputs, strict=True)) if outputs else (s.new_zeros(0, *s.shape) for s in states)
    axes = (0, 1) if batch_first else (0, 0)
    types = (dtype if s is None else torch.promote_types(dtype, s.dtype) for s in initial)  # a state may be wider
    last = tuple(s.to(t) for s, t in zip(states, types, strict=True))
    return tuple(s.to(dtype).transpose(*axes) for s in sequences), last


def run_step(
    step: Callable[..., tuple[Tensor, tuple[Tensor, ...]]],
    x: Tensor,
    gates: int,
    initial: Sequence[Tensor | None],
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    parts: int = 1,
) -> tuple[Tensor, Any]:
    """The output and the last state, or a tuple of several; `step(*inputs, *states)` returns the output and the states.

    x has `gates` inputs side by side; the output has `parts` elements for each unit.
    """
    H, B = x.shape[-1] // gates, x.shape[0 if batch_first else 1]

    def cell(x_t: Tensor, _: Tensor, *states: Tensor) -> tuple[Tensor, ...]:
        y, states = step(*x_t.chunk(gates, -1), *states)
        return y, *states

    output0 = x.new_zeros(B, parts * H)  # run_cell stacks states only, so the output is one that no step reads
    sequences, last = run_cell(cell, x, (output0, *initial), lengths, resets, reverse, batch_first, width=H)
    return sequences[0], last[1] if len(initial) == 1 else last[1:]
