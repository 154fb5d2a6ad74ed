"""IRevRNN with its sub-steps inverted in backward, as it was first published, for comparison.

It saves the states after the sub-steps of every step, and recovers the states before them by running the sub-steps in
reverse and dividing by u, which is inexact if u is small, and NaN if u is 0.
"""

import torch
from torch import Tensor


class Inversion(torch.autograd.Function):
    """relu outside, tanh inside, from h0 = 0: (x, u, a, b, c0) to y."""

    @staticmethod
    def forward(ctx, x, u, a, b, c0):
        h, c = torch.zeros_like(c0), c0
        outputs, states = [], []
        for x_t in x.unbind(0):
            h = u * h
            for a_i, b_i in zip(a, b, strict=True):
                c = c + a_i * h.tanh()
                h = h + b_i * c.tanh()
            states.append((h, c))
            h = (x_t + h).relu()
            outputs.append(h)
        rev_h, rev_c = (torch.stack(s) for s in zip(*states, strict=True))
        ctx.save_for_backward(x, u, a, b, rev_h, rev_c)
        return torch.stack(outputs)

    @staticmethod
    def backward(ctx, grad_y):
        x, u, a, b, rev_h, rev_c = ctx.saved_tensors
        grad = grad_c = torch.zeros_like(x[0])
        grad_u, grad_a, grad_b, grad_x = torch.zeros_like(u), torch.zeros_like(a), torch.zeros_like(b), []
        for x_t, h, c, grad_t in list(zip(x, rev_h, rev_c, grad_y, strict=True))[::-1]:
            grad = (grad + grad_t) * (x_t + h > 0)
            grad_x.append(grad)
            for i in reversed(range(len(a))):
                phi = c.tanh()
                grad_b[i] += (grad * phi).sum(0)
                grad_c = grad_c + grad * b[i] * (1 - phi * phi)
                h = h - b[i] * phi
                phi = h.tanh()
                grad_a[i] += (grad_c * phi).sum(0)
                grad = grad + grad_c * a[i] * (1 - phi * phi)
                c = c - a[i] * phi
            grad_u = grad_u + (grad * (h / u)).sum(0)
            grad = grad * u
        return torch.stack(grad_x[::-1]), grad_u, grad_a, grad_b, grad_c


def irevrnn_by_inversion(x: Tensor, u: Tensor, a: Tensor, b: Tensor, h0: None, c0: Tensor) -> Tensor:
    """y of `functional.irevrnn`, with its gradient by inversion."""
    return Inversion.apply(x, u, a, b, c0)
