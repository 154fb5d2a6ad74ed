"""The IRevRNN op: IndRNN with a second state c, coupled to h by reversible sub-steps in each step."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .launch import launch
from .recurrence import backward_once, dense, empty_like, like, needs_gradient, register, sum_rows
from .sequence import TYPES, Steps, sequence_kernel

WEIGHTS = "const real* weight, const real* hidden_weights, const real* cell_weights, "
TILE = 512  # a lane has two states, 2 R + 1 weights, and the gradients of all
STATES = "const scalar* h0, const scalar* c0, "
FORWARD = sequence_kernel(
    "irevrnn.cu",
    "irevrnn_forward",
    f"const scalar* x, {WEIGHTS}{STATES}scalar* y, scalar* cells, scalar* h_n, scalar* c_n",
    ("x", "y", "cells"),
    tile=TILE,
)
CELLS = sequence_kernel(
    "irevrnn.cu", "irevrnn_cells", f"const scalar* y, {WEIGHTS}{STATES}scalar* cells", ("y", "cells"), tile=TILE
)
BACKWARD = sequence_kernel(
    "irevrnn.cu",
    "irevrnn_backward",
    "const scalar* grad_y, const real* grad_h_n, const real* grad_c_n, const scalar* y, const scalar* cells, "
    f"{WEIGHTS}{STATES}scalar* grad_x, real* grad_weight, real* grad_hidden_weights, real* grad_cell_weights, "
    "real* grad_h0, real* grad_c0",
    ("grad_y", "y", "cells", "grad_x"),
    tile=TILE,
)


def cell(activation: str, inner_activation: str, rev_len: int) -> tuple[str, ...]:
    """The defines that choose the cell's mathematics."""
    return f"ACTIVATION={activation.capitalize()}", f"INNER={inner_activation.capitalize()}", f"REV_LEN={rev_len}"


class Weights(NamedTuple):
    """u (H,), a and b (R, H), as a kernel reads them."""

    weight: Tensor
    hidden_weights: Tensor
    cell_weights: Tensor


def _forward(
    x: Tensor,
    weight: Tensor,
    hidden_weights: Tensor,
    cell_weights: Tensor,
    h0: Tensor | None,
    c0: Tensor | None,
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    activation: str,
    inner_activation: str,
    every: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    _, B, H = x.shape
    x = dense(x)
    weights = Weights(*(like(w, TYPES[x.dtype][2]) for w in (weight, hidden_weights, cell_weights)))
    h0, c0 = (None if s is None else like(s, x.dtype) for s in (h0, c0))
    y, h_n, c_n = empty_like(x), x.new_empty(B, H), x.new_empty(B, H)
    cells = empty_like(x) if every else x.new_empty(1, B, H).expand(x.shape)  # all steps in one place
    if x.numel() == 0:
        for last, first in ((h_n, h0), (c_n, c0)):
            last.zero_() if first is None else last.copy_(first)
        return y, h_n, c_n, kept_cells(cells, every, reverse)
    tensors = (x, *weights, h0, c0, y, cells, h_n, c_n)
    launch(FORWARD, cell(activation, inner_activation, len(hidden_weights)), Steps(lengths, resets, reverse), tensors)
    return y, h_n, c_n, kept_cells(cells, every, reverse)


def kept_size(T: int, every: int) -> int:
    """The blocks but the first, and two places more, as torch.compile makes other graphs for a size of 0 or 1."""
    return torch.sym_max(T - 1, 0) // every + 2


def kept_cells(cells: Tensor, every: int, reverse: bool) -> Tensor:
    """All cells; or those from which a block of `every` steps begins, the first block aside; or none."""
    if every == 0:
        return cells.new_empty(0)
    if every == 1:
        return cells
    chosen = cells[every::every] if reverse else cells[every - 1 : len(cells) - 1 : every]
    kept = cells.new_zeros(kept_size(len(cells), every), *cells.shape[1:])
    kept[: len(chosen)] = chosen
    return kept


def _backward(
    grad_y: Tensor,
    grad_h_n: Tensor | None,
    grad_c_n: Tensor | None,
    y: Tensor,
    kept: Tensor,
    weight: Tensor,
    hidden_weights: Tensor,
    cell_weights: Tensor,
    h0: Tensor | None,
    c0: Tensor | None,
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    activation: str,
    inner_activation: str,
    every: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    T, B, H = y.shape
    R, real = len(hidden_weights), TYPES[y.dtype][2]
    y, grad_y, grad_x = dense(y), dense(grad_y), empty_like(y)
    weights = Weights(*(like(w, real) for w in (weight, hidden_weights, cell_weights)))
    first = [y.new_zeros(B, H) if s is None else like(s, y.dtype) for s in (h0, c0)]
    grads = [y.new_zeros(B, H, dtype=real) if g is None else like(g, real) for g in (grad_h_n, grad_c_n)]
    sums = [y.new_zeros(*size, B, H, dtype=real) for size in ((), (R,), (R,))]
    defines, cells = cell(activation, inner_activation, R), kept
    for block in blocks(T if every == 1 else every, y, kept, first, lengths, reverse) if y.numel() else ():
        steps = Steps(block.lengths, None if resets is None else resets[block.part], reverse)
        if every > 1:
            cells = torch.empty_like(y[block.part])
            launch(CELLS, defines, steps, (y[block.part], *weights, block.h, block.c, cells))
        before = [torch.empty_like(g) for g in grads]
        tensors = (grad_y[block.part], *grads, y[block.part], cells, *weights, block.h, block.c)
        launch(BACKWARD, defines, steps, (*tensors, grad_x[block.part], *sums, *before))
        grads = before
    grad_u, grad_a, grad_b = (
        like(sum_rows(part.movedim(-2, 0).flatten(1)).view(w.shape), w.dtype)
        for part, w in zip(sums, (weight, hidden_weights, cell_weights), strict=True)
    )
    grad_h0, grad_c0 = (y.new_empty(0) if s is None else g.to(s.dtype) for g, s in zip(grads, (h0, c0), strict=True))
    return grad_x, grad_u, grad_a, grad_b, grad_h0, grad_c0


class Block(NamedTuple):
    """Some steps in a row, and the states from which a recurrence enters them."""

    part: slice
    h: Tensor
    c: Tensor
    lengths: Tensor | None


def blocks(
    size: int, y: Tensor, kept: Tensor, first: list[Tensor], lengths: Tensor | None, reverse: bool
) -> Iterator[Block]:
    """The blocks of a sequence, last to first as the recurrence goes through them."""
    starts = range(0, len(y), size)
    for start in starts if reverse else reversed(starts):
        end, number = min(start + size, len(y)), start // size
        h, c = first
        if reverse and end < len(y):
            h, c = y[end].contiguous(), kept[number]
            if lengths is not None:  # a row that begins in this block or before it
                longer = (lengths > end).unsqueeze(1)
                h, c = torch.where(longer, h, first[0]), torch.where(longer, c, first[1])
        elif not reverse and start:
            h, c = y[start - 1].contiguous(), kept[number - 1]
        left = None if lengths is None else (lengths - start).clamp(0, end - start)
        yield Block(slice(start, end), h, c, left)


_STATES = "Tensor? h0, Tensor? c0, Tensor? lengths, Tensor? resets, bool reverse, str activation, "
_STATES += "str inner_activation, SymInt every"
_WEIGHTS = "Tensor weight, Tensor hidden_weights, Tensor cell_weights, "


def _fake_forward(x, weight, hidden_weights, cell_weights, h0, c0, lengths, resets, reverse, act, inner, every):
    state = x.new_empty(x.shape[1:])
    y = empty_like(dense(x))
    if every == 0:
        kept = x.new_empty(0)
    elif every == 1:
        kept = torch.empty_like(y)
    else:
        kept = x.new_empty(kept_size(x.shape[0], every), *x.shape[1:])
    return y, state, torch.empty_like(state), kept


def _fake_backward(grad_y, grad_h_n, grad_c_n, y, kept, weight, hidden_weights, cell_weights, h0, c0, *_):
    like_state = [
        y.new_empty(0) if s is None else torch.empty_like(s, memory_format=torch.contiguous_format) for s in (h0, c0)
    ]
    return empty_like(dense(y)), *(w.new_empty(w.shape) for w in (weight, hidden_weights, cell_weights)), *like_state


forward_op = register(
    "irevrnn_forward", f"(Tensor x, {_WEIGHTS}{_STATES}) -> (Tensor, Tensor, Tensor, Tensor)", _forward, _fake_forward
)
backward_op = register(
    "irevrnn_backward",
    f"(Tensor grad_y, Tensor? grad_h_n, Tensor? grad_c_n, Tensor y, Tensor kept, {_WEIGHTS}{_STATES}) "
    "-> (Tensor, Tensor, Tensor, Tensor, Tensor, Tensor)",
    _backward,
    _fake_backward,
)


class IRevRNNFunction(torch.autograd.Function):
    """Keeps y, some of c, the weights and the initial states for backward."""

    @staticmethod
    def forward(ctx, x, weight, hidden_weights, cell_weights, h0, c0, lengths, resets, *options):
        ctx.set_materialize_grads(False)
        y, h_n, c_n, kept = forward_op(x, weight, hidden_weights, cell_weights, h0, c0, lengths, resets, *options)
        ctx.save_for_backward(y, kept, weight, hidden_weights, cell_weights, h0, c0, lengths, resets)
        ctx.options = options
        return y, h_n, c_n

    @staticmethod
    def backward(ctx, grad_y, grad_h_n, grad_c_n):
        y, *saved = ctx.saved_tensors
        if grad_y is None:  # only states are used: zeros that take no memory
            grad_y = y.new_zeros(y.shape[-1]).expand(y.shape)
        *grads, grad_h0, grad_c0 = backward_once(backward_op, grad_y, grad_h_n, grad_c_n, y, *saved, *ctx.options)
        h0, c0 = saved[4:6]
        states = (None if h0 is None else grad_h0, None if c0 is None else grad_c0)
        return *grads, *states, None, None, None, None, None, None


def irevrnn(x, weight, hidden_weights, cell_weights, h0, c0, lengths, resets, reverse, activation, inner, every):
    """The outputs y, h_n and c_n; see `functional.irevrnn`."""
    tensors = x, weight, hidden_weights, cell_weights, h0, c0
    options = lengths, resets, reverse, activation, inner
    if needs_gradient(*tensors):
        return IRevRNNFunction.apply(*tensors, *options, every)
    return forward_op(*tensors, *options, 0)[:3]
