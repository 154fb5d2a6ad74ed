"""IndRNN and IRevRNN."""

import torch
from torch import Tensor

from .run import ACTIVATIONS, run_cell


def indrnn(
    x: Tensor,
    weight: Tensor,
    h0: Tensor | None = None,
    *,
    activation: str = "relu",
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
) -> tuple[Tensor, Tensor]:
    """h_t = activation(x_t + weight * h_{t-1}); see `functional.indrnn`."""

    def cell(x_t: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        return (ACTIVATIONS[activation](torch.addcmul(x_t, weight.to(h.dtype), h)),)

    (y,), (h_n,) = run_cell(cell, x, (h0,), lengths, resets, reverse, batch_first)
    return y, h_n


def irevrnn(
    x: Tensor,
    weight: Tensor,
    hidden_weights: Tensor,
    cell_weights: Tensor,
    h0: Tensor | None = None,
    c0: Tensor | None = None,
    *,
    activation: str = "relu",
    inner_activation: str = "tanh",
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """h_t = activation(x_t + h), with (h, c_t) from (weight * h_{t-1}, c_{t-1}) by sub-steps
    c += a_i * inner(h), h += b_i * inner(c); see `functional.irevrnn`."""
    phi = ACTIVATIONS[inner_activation]

    def cell(x_t: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, ...]:
        u, a, b = (w.to(h.dtype) for w in (weight, hidden_weights, cell_weights))
        inner = u * h
        for a_i, b_i in zip(a, b, strict=True):
            c = c + a_i * phi(inner)
            inner = inner + b_i * phi(c)
        return ACTIVATIONS[activation](x_t + inner), c

    (y, _), (h_n, c_n) = run_cell(cell, x, (h0, c0), lengths, resets, reverse, batch_first)
    return y, (h_n, c_n)
