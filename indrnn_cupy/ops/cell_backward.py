"""The backward op of every recurrence defined by one function."""

from collections.abc import Sequence
from typing import TypeAlias

import torch
from torch import Tensor

from .blocks import blocks
from .cell import Cell
from .cell_forward import STEPS
from .cell_kernels import BlockKernels, CellKernels, block_kernels, kernels
from .cells import cell_of, kept_inputs, one_by_one
from .launch import launch
from .recurrence import as_contiguous, empty_like, register, sum_rows, unit_stride, widened
from .sequence import TYPES, Steps

Optional: TypeAlias = Sequence[Tensor | None]


def backward(
    key: str,
    grad_y: Tensor,
    grad_last: list[Tensor | None],
    x: list[Tensor],
    weights: list[Tensor],
    initial: list[Tensor | None],
    states: list[Tensor],
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    chunk: int | None,
    every: int,
    parts: int,
    groups: int,
    norm: Optional = (),
    output: Tensor | None = None,
    bias: Tensor | None = None,
) -> list[Tensor]:
    """The gradients of the inputs, weights and initial states; empty for a state that was not given.

    `x` has the saved ones of the `parts` input tensors; `states` start with the output if it is a state. With `groups`,
    the rows of the batch form this number of groups, with separate gradients of weights, (groups, ...). With a `norm`,
    the arguments of OfScaled or OfNormalized in norm.cuh, `grad_y` is the gradient of the norm's output; `output` is
    that of the cell, if it is needed and is not a state. The gradient of a `bias` of the inputs comes last.
    """
    cell = cell_of(key)
    x, states, of_outputs = [unit_stride(t) for t in x], [unit_stride(t) for t in states], unit_stride(grad_y)
    grad_y = first_part(cell, of_outputs)
    (_, B, H), real, rows = grad_y.shape, TYPES[grad_y.dtype][2], sum(cell.rows)
    grad_x = _like_inputs(cell, grad_y, x, states, parts)
    after: Optional = [None if g is None else as_contiguous(g, real) for g in grad_last]
    sums: Tensor | None = None
    if grad_y.numel() == 0:
        sums = grad_y.new_zeros(rows, B, H, dtype=real)
        after = [grad_y.new_zeros(B, H) if g is None else g.clone() for g in after]
        of_bias = [] if bias is None else [torch.zeros_like(bias)]
        return [*grad_x, *_of_weights(sums, weights, cell.rows, groups), *_of_states(grad_y, after, initial), *of_bias]
    first = [grad_y.new_zeros(B, H) if s is None else as_contiguous(s, grad_y.dtype) for s in initial]
    w, kept, written = [as_contiguous(w, real) for w in weights], kept_inputs(cell, x, parts), one_by_one(cell, grad_x)
    run: CellKernels | BlockKernels = kernels(cell)
    kernel, chunks = kernels(cell).backward, kernels(cell).backward_chunks
    bias_sums = [] if bias is None else [grad_y.new_zeros(len(cell.inputs), B, H, dtype=real)]
    added = [] if bias is None else [as_contiguous(bias, real)]
    if norm:
        run, chunks = (blocked := block_kernels(cell, bias is not None)), None
        kernel = blocked.of_normalized if len(norm) > 2 else blocked.of_scaled
    outputs = [unit_stride(output)] if output is not None and len(norm) > 2 else []
    for block in blocks(every, grad_y, states, first, cell.has_output, lengths, reverse):
        steps = Steps(block.lengths, None if resets is None else block.of(resets), reverse, chunk)
        read, seen = [block.of(t) for t in kept], block.states
        if every > 1:
            again = [empty_like(block.of(grad_y)) for _ in range(cell.more_states)]
            entering = [as_contiguous(s, real) for s in block.before]
            launch(run.states, run.states.defines, steps, (*seen, *read, *w, *entering, *again, *added))
            seen = [*seen, *again]
        before: Optional = [
            None if s is None and block.is_first else grad_y.new_empty(B, H, dtype=real) for s in initial
        ]
        new_sums = grad_y.new_empty(rows, B, H, dtype=real)
        tensors = (seen[0], block.of(of_outputs), *read, *seen[1:], *block.before, *map(block.of, outputs), *w, *after)
        results = (*map(block.of, written), sums, new_sums, *before)
        launch(kernel, kernel.defines, steps, (*tensors, *results, *norm, *added, *bias_sums), chunks)
        after, sums = before, new_sums
    assert sums is not None
    of_bias = [] if bias is None else [as_contiguous(sum_rows(bias_sums[0].movedim(1, 0).flatten(1)), bias.dtype)]
    return [*grad_x, *_of_weights(sums, weights, cell.rows, groups), *_of_states(grad_y, after, initial), *of_bias]


def first_part(cell: Cell, grad_y: Tensor) -> Tensor:
    """The gradient of the first output."""
    return grad_y if cell.parts == 1 else grad_y[..., : grad_y.shape[-1] // cell.parts]


def _like_inputs(cell: Cell, grad_y: Tensor, x: list[Tensor], states: list[Tensor], parts: int) -> list[Tensor]:
    """Allocates the gradients of the input tensors, with the layout of these or of the output."""
    y = grad_y if cell.has_output else states[0]
    if parts == len(cell.inputs):
        found = dict(zip(cell.kept, x, strict=True))
        return [empty_like(found.get(n, y)) for n in range(parts)]
    return [empty_like(x[0]) if x else widened(y, len(cell.inputs) * y.shape[-1])]


def _of_weights(sums: Tensor, weights: list[Tensor], rows: Sequence[int], groups: int) -> list[Tensor]:
    """The gradients of the weights, from the sums over time of all rows of the batch, (rows of all weights, B, H)."""
    found, start = [], 0
    for w, n in zip(weights, rows, strict=True):
        part = sums[start : start + n]
        start += n
        if groups:
            found.append(
                as_contiguous(part.unflatten(1, (groups, -1)).sum(2).movedim(1, 0).reshape(groups, *w.shape), w.dtype)
            )
        else:
            total = sum_rows(part[0] if n == 1 else part.movedim(1, 0).flatten(1))
            found.append(as_contiguous(total if n == 1 and w.dim() == 1 else total.view(w.shape), w.dtype))
    return found


def _of_states(grad_y: Tensor, before: Optional, initial: Optional) -> list[Tensor]:
    found = zip(before, initial, strict=True)
    return [grad_y.new_empty(0) if g is None or s is None else as_contiguous(g, s.dtype) for g, s in found]


def _fake(key, grad_y, grad_last, x, weights, initial, states, *options):
    cell, (parts, groups, *of_block) = cell_of(key), options[5:]
    x, states, grad_y = (
        [unit_stride(t) for t in x],
        [unit_stride(t) for t in states],
        first_part(cell, unit_stride(grad_y)),
    )
    grad_x = _like_inputs(cell, grad_y, x, states, parts)
    of_weights = [w.new_empty(groups, *w.shape) if groups else w.new_empty(w.shape) for w in weights]
    of_states = (grad_y.new_empty(0) if s is None else s.new_empty(s.shape) for s in initial)
    of_bias = [bias.new_empty(bias.shape) for bias in of_block[2:] if bias is not None]
    return [*grad_x, *of_weights, *of_states, *of_bias]


ARGUMENTS = (
    "str cell, Tensor grad_y, Tensor?[] grad_last, Tensor[] x, Tensor[] weights, Tensor?[] initial, Tensor[] states, "
    f"{STEPS}, int parts, int groups"
)
backward_op = register("cell_backward", f"({ARGUMENTS}) -> Tensor[]", backward, _fake)
block_backward_op = register(
    "block_backward", f"({ARGUMENTS}, Tensor?[] norm, Tensor? output, Tensor? bias) -> Tensor[]", backward, _fake
)
