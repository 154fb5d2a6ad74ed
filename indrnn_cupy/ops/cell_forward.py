"""The forward op of every recurrence defined by one function."""

from collections.abc import Sequence

import torch
from torch import Tensor

from .blocks import kept_size, kept_states
from .cell_kernels import block_kernels, kernels
from .cells import cell_of, one_by_one
from .launch import launch
from .norm import unit_statistics
from .recurrence import as_contiguous, empty_like, register, unit_stride, widened
from .sequence import TYPES, Steps


def forward(
    key: str,
    x: list[Tensor],
    weights: list[Tensor],
    initial: list[Tensor | None],
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    chunk: int | None,
    every: int,
    measured: bool = False,
    norm: Sequence[Tensor | None] = (),
    bias: Tensor | None = None,
) -> list[Tensor]:
    """The output, the other states saved for backward (every `every`-th step; none if 0), and the last states.

    If `measured`, also the mean and variance of each unit's output, and the number of steps, (3, H) in float64. With
    a `norm`, the arguments of Normalized in norm.cuh, the output is normalised. The `bias` is added to the inputs.
    """
    cell = cell_of(key)
    inputs = one_by_one(cell, [unit_stride(part) for part in x])
    first, y = inputs[0], output_like(inputs[0], cell.parts)
    (_, B, H), real = first.shape, TYPES[first.dtype][2]
    before = [None if s is None else as_contiguous(s, real) for s in initial]
    last = [first.new_empty((B, H), dtype=real) for _ in initial]
    states = [
        empty_like(first) if every else first.new_empty(1, B, H).expand(first.shape)  # all steps share memory
        for _ in range(cell.more_states)
    ]
    parts = [first.new_zeros((3, B, H), dtype=real)] if measured else []
    if first.numel() == 0:
        for end, begin in zip(last, before, strict=True):
            end.zero_() if begin is None else end.copy_(begin)
    else:
        tensors = (*inputs, *[as_contiguous(w, real) for w in weights], *before, y, *states, *last, *parts, *norm)
        run, steps = kernels(cell), Steps(lengths, resets, reverse, chunk)
        if not measured and not norm and bias is None:
            launch(run.forward, run.forward.defines, steps, tensors, run.forward_chunks)
        else:
            block = block_kernels(cell, bias is not None)
            kernel = block.measured if measured else block.normalized if norm else block.forward
            launch(kernel, kernel.defines, steps, tensors if bias is None else (*tensors, as_contiguous(bias, real)))
    kept = [kept_states(s, every, reverse) for s in states]
    statistics = [unit_statistics(part, lengths, len(first)) for part in parts]
    return [
        y,
        *kept,
        *[as_contiguous(end, last_type(first, s)) for end, s in zip(last, initial, strict=True)],
        *statistics,
    ]


def output_like(x: Tensor, parts: int) -> Tensor:
    """Allocates the output, with `parts` elements for each hidden unit."""
    return empty_like(x) if parts == 1 else widened(x, parts * x.shape[-1])


def last_type(x: Tensor, initial: Tensor | None) -> torch.dtype:
    """The dtype of a last state: that of the sequence, or of a wider initial state."""
    return x.dtype if initial is None else torch.promote_types(x.dtype, initial.dtype)


def _fake(key, x, weights, initial, lengths, resets, reverse, chunk, every, measured=False, norm=(), bias=None):
    cell = cell_of(key)
    first = one_by_one(cell, [unit_stride(part) for part in x])[0]
    y, (T, *size) = output_like(first, cell.parts), first.shape
    kept = [
        y.new_empty(0) if every == 0 else empty_like(first) if every == 1 else y.new_empty(kept_size(T, every), *size)
        for _ in range(cell.more_states)
    ]
    statistics = [y.new_empty(3, size[-1], dtype=torch.float64)] if measured else []
    return [y, *kept, *(y.new_empty(size, dtype=last_type(y, s)) for s in initial), *statistics]


STEPS = "Tensor? lengths, Tensor? resets, bool reverse, int? chunk, SymInt every"
TENSORS = "str cell, Tensor[] x, Tensor[] weights, Tensor?[] initial"
forward_op = register("cell_forward", f"({TENSORS}, {STEPS}) -> Tensor[]", forward, _fake)
block_forward_op = register(
    "block_forward", f"({TENSORS}, {STEPS}, bool measured, Tensor?[] norm, Tensor? bias) -> Tensor[]", forward, _fake
)
