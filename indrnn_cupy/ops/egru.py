"""The EGRU op: an event-based GRU, whose recurrent weights are read only where units are active."""

import torch

from .egru_forms import backward, forward
from .recurrence import backward_once, needs_gradient, register, transformed, unit_stride, widened

_STATES = "Tensor? event0, Tensor? cell0, Tensor? trace0, "
_STEPS = "Tensor? lengths, Tensor? resets, bool reverse, str reset_mode, float zoneout, Tensor? seeds, str? form"
_WEIGHTS = "Tensor recurrent, Tensor recurrent_bias, Tensor threshold, "
_OUTPUTS = ("y", "cells", "events", "traces", "event_n", "cell_n", "trace_n")
_GRADS = ", ".join(f"Tensor? grad_{name}" for name in _OUTPUTS)


def _fake_forward(x, recurrent, recurrent_bias, threshold, event0, cell0, trace0, lengths, resets, *options):
    x, H = unit_stride(x), x.shape[2] // 3
    sequences = [widened(x, H) for _ in range(4)]
    states = [x.new_empty(x.shape[1], H) for _ in range(3)]
    return *sequences, *states, widened(x, 4 * H) if options[-1] else x.new_empty(0)


def _fake_backward(*arguments):
    y, weights, states = arguments[7], arguments[10:13], arguments[13:16]
    like_state = (y.new_empty(0) if s is None else s.new_empty(s.shape) for s in states)
    return widened(unit_stride(y), 3 * y.shape[2]), *(w.new_empty(w.shape) for w in weights), *like_state


forward_op = register(
    "egru_forward",
    f"(Tensor x, {_WEIGHTS}{_STATES}{_STEPS}, bool keep) -> ({', '.join(['Tensor'] * 8)})",
    forward,
    _fake_forward,
)
backward_op = register(
    "egru_backward",
    f"({_GRADS}, Tensor y, Tensor cells, Tensor gates, {_WEIGHTS}{_STATES}Tensor dampening, Tensor support, {_STEPS}) "
    f"-> ({', '.join(['Tensor'] * 7)})",
    backward,
    _fake_backward,
)


class EGRUFunction(torch.autograd.Function):
    """Saves y, the cells, four gates, the weights and the initial states for backward."""

    @staticmethod
    def forward(ctx, x, recurrent, recurrent_bias, threshold, event0, cell0, trace0, dampening, support, *options):
        ctx.set_materialize_grads(False)
        lengths, resets, *others, seeds, form = options
        tensors = recurrent, recurrent_bias, threshold, event0, cell0, trace0
        *outputs, gates = forward_op(x, *tensors, *options, True)
        y, cells = outputs[:2]
        ctx.save_for_backward(y, cells, gates, *tensors, dampening, support, lengths, resets, seeds)
        ctx.others, ctx.form = others, form
        return tuple(outputs)

    @staticmethod
    def backward(ctx, *grads):
        *saved, seeds = ctx.saved_tensors
        *found, event0, cell0, trace0 = backward_once(backward_op, *grads, *saved, *ctx.others, seeds, ctx.form)
        states = (None if s is None else g for s, g in zip(saved[6:9], (event0, cell0, trace0), strict=True))
        return *found, *states, *(None,) * 9


def egru(x, recurrent, recurrent_bias, threshold, event0, cell0, trace0, *rest):
    """The four sequences and three states of `functional.egru`.

    `rest`: lengths, resets, reverse, reset_mode, zoneout, seeds, form, dampening, support.
    """
    *options, dampening, support = rest
    tensors = x, recurrent, recurrent_bias, threshold, event0, cell0, trace0
    if needs_gradient(*tensors) or transformed():
        return EGRUFunction.apply(*tensors, dampening, support, *options)
    return forward_op(*tensors, *options, False)[:7]
