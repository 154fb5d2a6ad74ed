"""The forward op of every recurrence that is one function."""

import torch
from torch import Tensor

from .blocks import kept_size, kept_states
from .cell_kernels import kernels
from .cells import cell_of, one_by_one
from .launch import launch
from .recurrence import dense, empty_like, like, register
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
) -> list[Tensor]:
    """The output, the other states saved for backward (every `every`-th step; none if 0), and the last states."""
    cell = cell_of(key)
    inputs = one_by_one(cell, [dense(part) for part in x])
    first, y = inputs[0], empty_like(inputs[0])
    (_, B, H), real = first.shape, TYPES[first.dtype][2]
    before = [None if s is None else like(s, real) for s in initial]
    last = [first.new_empty((B, H), dtype=real) for _ in initial]
    states = [
        empty_like(first) if every else first.new_empty(1, B, H).expand(first.shape)  # all steps in one place
        for _ in range(cell.more_states)
    ]
    if first.numel() == 0:
        for end, begin in zip(last, before, strict=True):
            end.zero_() if begin is None else end.copy_(begin)
    else:
        forward, *_, forward_chunks, _ = kernels(cell)
        tensors = (*inputs, *[like(w, real) for w in weights], *before, y, *states, *last)
        launch(forward, forward.defines, Steps(lengths, resets, reverse, chunk), tensors, forward_chunks)
    kept = [kept_states(s, every, reverse) for s in states]
    return [y, *kept, *[like(end, last_type(first, s)) for end, s in zip(last, initial, strict=True)]]


def last_type(x: Tensor, initial: Tensor | None) -> torch.dtype:
    """The type of a last state: that of the sequence, or of a first state that is wider."""
    return x.dtype if initial is None else torch.promote_types(x.dtype, initial.dtype)


def _fake(key, x, weights, initial, lengths, resets, reverse, chunk, every):
    cell = cell_of(key)
    y = empty_like(one_by_one(cell, [dense(part) for part in x])[0])
    T, *size = y.shape
    kept = [
        y.new_empty(0) if every == 0 else empty_like(y) if every == 1 else y.new_empty(kept_size(T, every), *size)
        for _ in range(cell.more_states)
    ]
    return [y, *kept, *(y.new_empty(size, dtype=last_type(y, s)) for s in initial)]


STEPS = "Tensor? lengths, Tensor? resets, bool reverse, int? chunk, SymInt every"
forward_op = register(
    "cell_forward", f"(str cell, Tensor[] x, Tensor[] weights, Tensor?[] initial, {STEPS}) -> Tensor[]", forward, _fake
)
