"""The IndRNN op: h_t = activation(x_t + u * h_{t-1})."""

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from ..runtime import Kernel
from .recurrence import dense, launch, register

FORWARD = Kernel(
    "indrnn.cu",
    "indrnn_forward",
    "const scalar* x, const real* weight, const scalar* h0, scalar* y, scalar* h_n, "
    "long long T, long long B, long long H, long long x_t, long long x_b, long long y_t, long long y_b",
)
BACKWARD = Kernel(
    "indrnn.cu",
    "indrnn_backward",
    "const scalar* grad_y, const scalar* grad_h_n, const scalar* y, const real* weight, const scalar* h0, "
    "scalar* grad_x, real* grad_weight, scalar* grad_h0, "
    "long long T, long long B, long long H, long long grad_y_t, long long grad_y_b, long long y_t, long long y_b, "
    "long long grad_x_t, long long grad_x_b",
)


def _forward(x: Tensor, weight: Tensor, h0: Tensor, activation: str) -> tuple[Tensor, Tensor]:
    x, weight, h0 = dense(x), weight.contiguous(), h0.contiguous()
    y, h_n = torch.empty_like(x), torch.empty_like(h0)
    if x.numel() == 0:
        return y, h_n.copy_(h0)
    shape_and_strides = (*x.shape, *x.stride()[:2], *y.stride()[:2])
    launch(FORWARD, x, (f"ACTIVATION={activation.capitalize()}",), x, weight, h0, y, h_n, *shape_and_strides)
    return y, h_n


def _backward(
    grad_y: Tensor, grad_h_n: Tensor, y: Tensor, weight: Tensor, h0: Tensor, activation: str
) -> tuple[Tensor, Tensor, Tensor]:
    grad_y, y, weight = dense(grad_y), dense(y), weight.contiguous()
    grad_h_n, h0 = grad_h_n.contiguous(), h0.contiguous()
    grad_x, grad_h0 = torch.empty_like(y), torch.empty_like(h0)
    if y.numel() == 0:
        return grad_x, torch.zeros_like(weight), grad_h0.copy_(grad_h_n)
    rows = weight.new_empty(h0.shape)
    tensors = (grad_y, grad_h_n, y, weight, h0, grad_x, rows, grad_h0)
    shape_and_strides = (*y.shape, *grad_y.stride()[:2], *y.stride()[:2], *grad_x.stride()[:2])
    launch(BACKWARD, y, (f"ACTIVATION={activation.capitalize()}",), *tensors, *shape_and_strides)
    return grad_x, rows.sum(0), grad_h0


forward_op = register(
    "indrnn_forward",
    "(Tensor x, Tensor weight, Tensor h0, str activation) -> (Tensor, Tensor)",
    _forward,
    lambda x, weight, h0, activation: (torch.empty_like(dense(x)), h0.new_empty(h0.shape)),
)
backward_op = register(
    "indrnn_backward",
    "(Tensor grad_y, Tensor grad_h_n, Tensor y, Tensor weight, Tensor h0, str activation) -> (Tensor, Tensor, Tensor)",
    _backward,
    lambda grad_y, grad_h_n, y, weight, h0, activation: (
        torch.empty_like(dense(y)),
        weight.new_empty(weight.shape),
        h0.new_empty(h0.shape),
    ),
)


class IndRNNFunction(torch.autograd.Function):
    """Keeps y, u and h0 for backward, not x."""

    @staticmethod
    def forward(ctx, x, weight, h0, activation):
        ctx.set_materialize_grads(False)
        y, h_n = forward_op(x, weight, h0, activation)
        ctx.save_for_backward(y, weight, h0)
        ctx.activation = activation
        return y, h_n

    @staticmethod
    @once_differentiable
    def backward(ctx, grad_y, grad_h_n):
        y, weight, h0 = ctx.saved_tensors
        if grad_y is None:  # only h_n is used: zeros that take no memory
            grad_y = y.new_zeros(y.shape[-1]).expand(y.shape)
        if grad_h_n is None:
            grad_h_n = torch.zeros_like(h0)
        return *backward_op(grad_y, grad_h_n, y, weight, h0, ctx.activation), None
