"""minGRU, minLSTM and the linear recurrence."""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from .run import ACTIVATIONS, run_cell


def mingru(
    x: Tensor,
    h0: Tensor | None = None,
    *,
    activation: str = "identity",
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
) -> tuple[Tensor, Tensor]:
    """h_t = (1 - z) h_{t-1} + z activation(candidate), z = sigmoid(gate); see `functional.mingru`."""

    def cell(x_t: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        gate, candidate = x_t.chunk(2, -1)
        return (torch.sigmoid(-gate) * h + torch.sigmoid(gate) * ACTIVATIONS[activation](candidate),)

    (y,), (h_n,) = run_cell(cell, x, (h0,), lengths, resets, reverse, batch_first, width=x.shape[-1] // 2)
    return y, h_n


def minlstm(
    x: Tensor,
    h0: Tensor | None = None,
    *,
    activation: str = "identity",
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
) -> tuple[Tensor, Tensor]:
    """h_t = (f h_{t-1} + i activation(candidate)) / (f + i), with sigmoids f and i; see `functional.minlstm`."""

    def cell(x_t: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        forget, take, candidate = x_t.chunk(3, -1)
        least = torch.finfo(h.dtype).min  # two gates of -inf count as equal
        excess = logsigmoid(take.clamp(min=least)) - logsigmoid(forget.clamp(min=least))
        return (torch.sigmoid(-excess) * h + torch.sigmoid(excess) * ACTIVATIONS[activation](candidate),)

    (y,), (h_n,) = run_cell(cell, x, (h0,), lengths, resets, reverse, batch_first, width=x.shape[-1] // 3)
    return y, h_n


def linear_recurrence(
    a: Tensor,
    b: Tensor,
    h0: Tensor | None = None,
    *,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
) -> tuple[Tensor, Tensor]:
    """h_t = a_t h_{t-1} + b_t; see `functional.linear_recurrence`."""

    def cell(x_t: Tensor, h: Tensor) -> tuple[Tensor, ...]:
        a_t, b_t = x_t.chunk(2, -1)
        return (torch.addcmul(b_t, a_t, h),)

    (y,), (h_n,) = run_cell(
        cell, torch.cat((a, b), -1), (h0,), lengths, resets, reverse, batch_first, width=a.shape[-1]
    )
    return y, h_n
