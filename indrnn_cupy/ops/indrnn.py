"""The IndRNN op: h_t = activation(x_t + u * h_{t-1})."""

import torch
from torch import Tensor

from ..runtime import Kernel
from .recurrence import STEPS, TYPES, Steps, backward_once, dense, empty_like, launch, register, sum_rows

FORWARD = Kernel(
    "indrnn.cu",
    "indrnn_forward",
    f"const scalar* x, const real* weight, const scalar* h0, scalar* y, scalar* h_n, {STEPS}, "
    "long long x_t, long long x_b, long long y_t, long long y_b",
)
BACKWARD = Kernel(
    "indrnn.cu",
    "indrnn_backward",
    "const scalar* grad_y, const scalar* grad_h_n, const scalar* y, const real* weight, const scalar* h0, "
    f"scalar* grad_x, real* grad_weight, scalar* grad_h0, {STEPS}, "
    "long long grad_y_t, long long grad_y_b, long long y_t, long long y_b, long long grad_x_t, long long grad_x_b",
)


def _forward(
    x: Tensor, weight: Tensor, h0: Tensor, lengths: Tensor | None, resets: Tensor | None, reverse: bool, activation: str
) -> tuple[Tensor, Tensor]:
    x, weight, h0 = dense(x), weight.to(TYPES[x.dtype][2]).contiguous(), h0.to(x.dtype).contiguous()
    y, h_n = empty_like(x), torch.empty_like(h0)
    if x.numel() == 0:
        return y, h_n.copy_(h0)
    cell, steps = (f"ACTIVATION={activation.capitalize()}",), Steps(lengths, resets, reverse)
    launch(FORWARD, cell, steps, (x, weight, h0, y, h_n), (x, y))
    return y, h_n


def _backward(
    grad_y: Tensor,
    grad_h_n: Tensor,
    y: Tensor,
    weight: Tensor,
    h0: Tensor,
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    activation: str,
) -> tuple[Tensor, Tensor, Tensor]:
    grad_y, grad_h_n, y = dense(grad_y), grad_h_n.contiguous(), dense(y)
    real_weight, stored_h0 = weight.to(TYPES[y.dtype][2]).contiguous(), h0.to(y.dtype).contiguous()
    grad_x, grad_h0 = empty_like(y), torch.empty_like(stored_h0)
    if y.numel() == 0:
        return grad_x, torch.zeros_like(weight), grad_h_n.to(h0.dtype, copy=True)
    rows = real_weight.new_empty(h0.shape)
    cell, steps = (f"ACTIVATION={activation.capitalize()}",), Steps(lengths, resets, reverse)
    tensors = (grad_y, grad_h_n, y, real_weight, stored_h0, grad_x, rows, grad_h0)
    launch(BACKWARD, cell, steps, tensors, (grad_y, y, grad_x))
    return grad_x, sum_rows(rows).to(weight.dtype), grad_h0.to(h0.dtype)


forward_op = register(
    "indrnn_forward",
    "(Tensor x, Tensor weight, Tensor h0, Tensor? lengths, Tensor? resets, bool reverse, str activation) "
    "-> (Tensor, Tensor)",
    _forward,
    lambda x, weight, h0, *_: (empty_like(dense(x)), x.new_empty(h0.shape)),
)
backward_op = register(
    "indrnn_backward",
    "(Tensor grad_y, Tensor grad_h_n, Tensor y, Tensor weight, Tensor h0, Tensor? lengths, Tensor? resets, "
    "bool reverse, str activation) -> (Tensor, Tensor, Tensor)",
    _backward,
    lambda grad_y, grad_h_n, y, weight, h0, *_: (
        empty_like(dense(y)),
        weight.new_empty(weight.shape),
        h0.new_empty(h0.shape),
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
        if grad_h_n is None:
            grad_h_n = y.new_zeros(h0.shape)
        grads = backward_once(backward_op, grad_y, grad_h_n, y, weight, h0, lengths, resets, *ctx.options)
        return *grads, None, None, None, None
