"""The IndRNN op: h_t = activation(x_t + u * h_{t-1})."""

import torch
from torch import Tensor

from .chunks import Summary
from .launch import launch
from .recurrence import backward_once, dense, empty_like, like, needs_gradient, register, sum_rows
from .sequence import TYPES, Steps, sequence_kernel

FORWARD = sequence_kernel(
    "indrnn.cu",
    "indrnn_forward",
    "const scalar* x, const real* weight, const state* h0, scalar* y, scalar* h_n",
    ("x", "y"),
)
BACKWARD = sequence_kernel(
    "indrnn.cu",
    "indrnn_backward",
    "const scalar* grad_y, const state* grad_h_n, const scalar* y, const real* weight, const scalar* h0, "
    "scalar* grad_x, real* grad_weight, scalar* grad_h0",
    ("grad_y", "y", "grad_x"),
)
FORWARD_SUMMARY = sequence_kernel(
    "indrnn_chunks.cu", "indrnn_forward_summary", "const scalar* x, const real* weight, real* summary", ("x",)
)
BACKWARD_SUMMARY = sequence_kernel(
    "indrnn_chunks.cu",
    "indrnn_backward_summary",
    "const scalar* grad_y, const scalar* y, const real* weight, real* summary",
    ("grad_y", "y"),
)
FORWARD_CHUNKS = Summary(FORWARD_SUMMARY, takes=(0, 1), start=2, clamped=True)
BACKWARD_CHUNKS = Summary(BACKWARD_SUMMARY, takes=(0, 2, 3), start=1, clamped=False, sums=6)
CLAMPS = ("relu", "hardtanh", "identity")  # activations whose forward steps can be summed up


def _forward(
    x: Tensor,
    weight: Tensor,
    h0: Tensor | None,
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    activation: str,
) -> tuple[Tensor, Tensor]:
    _, B, H = x.shape
    x, weight, h0 = dense(x), like(weight, TYPES[x.dtype][2]), None if h0 is None else like(h0, x.dtype)
    y, h_n = empty_like(x), x.new_empty(B, H)
    if x.numel() == 0:
        return y, h_n.zero_() if h0 is None else h_n.copy_(h0)
    summary = FORWARD_CHUNKS if activation in CLAMPS else None
    launch(FORWARD, cell(activation), Steps(lengths, resets, reverse), (x, weight, h0, y, h_n), summary)
    return y, h_n


def _backward(
    grad_y: Tensor,
    grad_h_n: Tensor | None,
    y: Tensor,
    weight: Tensor,
    h0: Tensor | None,
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    activation: str,
) -> tuple[Tensor, Tensor, Tensor]:
    _, B, H = y.shape
    y, grad_y, real = dense(y), dense(grad_y), TYPES[y.dtype][2]
    grad_h_n = None if grad_h_n is None else like(grad_h_n, y.dtype)
    grad_x, grad_h0 = empty_like(y), None if h0 is None else y.new_empty(B, H)
    if y.numel() == 0:
        grad_weight = torch.zeros_like(weight)
        if grad_h0 is not None:
            grad_h0 = grad_h0.zero_() if grad_h_n is None else grad_h0.copy_(grad_h_n)
    else:
        rows = y.new_empty(B, H, dtype=real)
        before = y.new_zeros(B, H) if h0 is None else like(h0, y.dtype)
        tensors = (grad_y, grad_h_n, y, like(weight, real), before, grad_x, rows, grad_h0)
        launch(BACKWARD, cell(activation), Steps(lengths, resets, reverse), tensors, BACKWARD_CHUNKS)
        grad_weight = like(sum_rows(rows), weight.dtype)
    return grad_x, grad_weight, y.new_empty(0) if h0 is None or grad_h0 is None else grad_h0.to(h0.dtype)


def cell(activation: str) -> tuple[str, ...]:
    """The defines that choose the cell's mathematics."""
    return (f"ACTIVATION={activation.capitalize()}",)


forward_op = register(
    "indrnn_forward",
    "(Tensor x, Tensor weight, Tensor? h0, Tensor? lengths, Tensor? resets, bool reverse, str activation) "
    "-> (Tensor, Tensor)",
    _forward,
    lambda x, weight, h0, *_: (empty_like(dense(x)), x.new_empty(x.shape[1:])),
)
backward_op = register(
    "indrnn_backward",
    "(Tensor grad_y, Tensor? grad_h_n, Tensor y, Tensor weight, Tensor? h0, Tensor? lengths, Tensor? resets, "
    "bool reverse, str activation) -> (Tensor, Tensor, Tensor)",
    _backward,
    lambda grad_y, grad_h_n, y, weight, h0, *_: (
        empty_like(dense(y)),
        weight.new_empty(weight.shape),
        y.new_empty(0) if h0 is None else torch.empty_like(h0, memory_format=torch.contiguous_format),
    ),
)


class IndRNNFunction(torch.autograd.Function):
    """Keeps y, u and h0 for backward, not x."""

    @staticmethod
    def forward(ctx, x, weight, h0, lengths, resets, reverse, activation):
        ctx.set_materialize_grads(False)
        y, h_n = forward_op(x, weight, h0, lengths, resets, reverse, activation)
        ctx.save_for_backward(y, weight, h0, lengths, resets)
        ctx.options = reverse, activation
        return y, h_n

    @staticmethod
    def backward(ctx, grad_y, grad_h_n):
        y, weight, h0, lengths, resets = ctx.saved_tensors
        if grad_y is None:  # only h_n is used: zeros that take no memory
            grad_y = y.new_zeros(y.shape[-1]).expand(y.shape)
        grad_x, grad_weight, grad_h0 = backward_once(
            backward_op, grad_y, grad_h_n, y, weight, h0, lengths, resets, *ctx.options
        )
        return grad_x, grad_weight, None if h0 is None else grad_h0, None, None, None, None


def indrnn(*inputs):
    """The outputs y and h_n for the inputs of `forward_op`; see `functional.indrnn`."""
    return (IndRNNFunction.apply if needs_gradient(*inputs[:3]) else forward_op)(*inputs)
