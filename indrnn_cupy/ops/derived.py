"""The op of every recurrence that is one function: its forward pass, and the backward pass that follows from it."""

import torch
from torch import Tensor

from .cell import Cell
from .launch import launch
from .recurrence import backward_once, dense, empty_like, like, needs_gradient, register, sum_rows
from .sequence import TYPES, Steps

CELLS: dict[str, Cell] = {}  # by what the ops call them

_STEPS = "Tensor? lengths, Tensor? resets, bool reverse"


def one_by_one(cell: Cell, x: list[Tensor]) -> list[Tensor]:
    """The inputs of a cell, which may lie side by side in one tensor."""
    return list(x[0].chunk(len(cell.inputs), -1)) if len(x) == 1 else list(x)


def _forward(
    name: str,
    x: list[Tensor],
    weights: list[Tensor],
    initial: list[Tensor | None],
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    keep: bool,
) -> list[Tensor]:
    """The output if it is no state, every state, and the last ones."""
    cell = CELLS[name]
    inputs = one_by_one(cell, [dense(part) for part in x])
    first = inputs[0]
    states = [None if s is None else like(s, first.dtype) for s in initial]
    last = [first.new_empty(first.shape[1:]) for _ in states]
    kept = [True] + [keep] * (len(cell.states) - 1 + cell.has_output)
    sequences = [empty_like(first) if k else first.new_empty(1, *first.shape[1:]).expand(first.shape) for k in kept]
    if first.numel() == 0:
        for end, begin in zip(last, states, strict=True):
            end.zero_() if begin is None else end.copy_(begin)
    else:
        real = TYPES[first.dtype][2]
        tensors = (*inputs, *(like(w, real) for w in weights), *states, *sequences, *last)
        launch(cell.kernels[0], cell.defines, Steps(lengths, resets, reverse), tensors)
    return [*(s if k else first.new_empty(0) for s, k in zip(sequences, kept, strict=True)), *last]


def _backward(
    name: str,
    grad_y: Tensor,
    grad_last: list[Tensor | None],
    x: list[Tensor],
    weights: list[Tensor],
    initial: list[Tensor | None],
    states: list[Tensor],
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
) -> list[Tensor]:
    """The gradients of the inputs, the weights, and the initial states, also of those that were not given."""
    cell = CELLS[name]
    x, grad_y, states = [dense(part) for part in x], dense(grad_y), [dense(s) for s in states]
    grad_x, first = [empty_like(part) for part in x], states[0]
    real, size = TYPES[first.dtype][2], first.shape[1:]
    grad_last = [None if g is None else like(g, first.dtype) for g in grad_last]
    grad_first = [first.new_empty(size) for _ in states]
    if first.numel() == 0:
        for begin, end in zip(grad_first, grad_last, strict=True):
            begin.zero_() if end is None else begin.copy_(end)
        grad_weights = [torch.zeros_like(w) for w in weights]
    else:
        before = [first.new_zeros(size) if s is None else like(s, first.dtype) for s in initial]
        rows = [first.new_empty(size, dtype=real) for _ in weights]
        read = (grad_y, *one_by_one(cell, x), *states, *before, *(like(w, real) for w in weights), *grad_last)
        written = (*one_by_one(cell, grad_x), *rows, *grad_first)
        launch(cell.kernels[1], cell.defines, Steps(lengths, resets, reverse), (*read, *written))
        grad_weights = [like(sum_rows(r), w.dtype) for r, w in zip(rows, weights, strict=True)]
    return [
        *grad_x,
        *grad_weights,
        *(g if s is None else g.to(s.dtype) for g, s in zip(grad_first, initial, strict=True)),
    ]


def _fake_forward(name, x, weights, initial, lengths, resets, reverse, keep):
    cell = CELLS[name]
    first = one_by_one(cell, [dense(part) for part in x])[0]
    kept = [True] + [keep] * (len(cell.states) - 1 + cell.has_output)
    sequences = [empty_like(first) if k else first.new_empty(0) for k in kept]
    return [*sequences, *(first.new_empty(first.shape[1:]) for _ in initial)]


def _fake_backward(name, grad_y, grad_last, x, weights, initial, states, *_):
    size = states[0].shape[1:]
    of_states = [states[0].new_empty(size, dtype=states[0].dtype if s is None else s.dtype) for s in initial]
    return [*(empty_like(dense(part)) for part in x), *(w.new_empty(w.shape) for w in weights), *of_states]


forward_op = register(
    "cell_forward",
    f"(str name, Tensor[] x, Tensor[] weights, Tensor?[] initial, {_STEPS}, bool keep) -> Tensor[]",
    _forward,
    _fake_forward,
)
backward_op = register(
    "cell_backward",
    "(str name, Tensor grad_y, Tensor?[] grad_last, Tensor[] x, Tensor[] weights, Tensor?[] initial, Tensor[] states, "
    f"{_STEPS}) -> Tensor[]",
    _backward,
    _fake_backward,
)


class CellFunction(torch.autograd.Function):
    """Keeps the inputs, the weights and the states for backward."""

    @staticmethod
    def forward(ctx, name, counts, lengths, resets, reverse, *tensors):
        ctx.set_materialize_grads(False)
        n_x, n_w = counts
        x, weights, initial = tensors[:n_x], tensors[n_x : n_x + n_w], tensors[n_x + n_w :]
        found = forward_op(name, x, weights, initial, lengths, resets, reverse, True)
        sequences = found[: -len(initial)]
        states = sequences[-len(initial) :]
        ctx.save_for_backward(*tensors, *states, lengths, resets)
        ctx.name, ctx.counts, ctx.reverse = name, (n_x, n_w, len(initial)), reverse
        ctx.mark_non_differentiable(*sequences[1:])
        return tuple(found)

    @staticmethod
    def backward(ctx, grad_y, *grads):
        n_x, n_w, n_s = ctx.counts
        *tensors, lengths, resets = ctx.saved_tensors
        x, weights, initial = tensors[:n_x], tensors[n_x : n_x + n_w], tensors[n_x + n_w : n_x + n_w + n_s]
        states = tensors[n_x + n_w + n_s :]
        if grad_y is None:  # only the last states are used: zeros that take no memory
            grad_y = states[0].new_zeros(states[0].shape[-1]).expand(states[0].shape)
        found = backward_once(
            backward_op, ctx.name, grad_y, grads[-n_s:], x, weights, initial, states, lengths, resets, ctx.reverse
        )
        of_states = (None if s is None else g for s, g in zip(initial, found[n_x + n_w :], strict=True))
        return None, None, None, None, None, *found[: n_x + n_w], *of_states


def run(cell, x, weights, initial, lengths, resets, reverse):
    """The output and the last states of a cell that is in CELLS; x: its inputs, one by one or side by side."""
    name = cell.key
    if needs_gradient(*x, *weights, *initial):
        found = CellFunction.apply(name, (len(x), len(weights)), lengths, resets, reverse, *x, *weights, *initial)
    else:
        found = forward_op(name, x, weights, initial, lengths, resets, reverse, False)
    return found[0], *found[-len(initial) :]
