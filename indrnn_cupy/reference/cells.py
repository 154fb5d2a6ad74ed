"""SRU, QRNN's pooling, IndyLSTM, IndyGRU, UnICORNN, RG-LRU, HGRN and LRU.

`steps`: lengths, resets, reverse and batch_first.
"""

from typing import Any

import torch
from torch import Tensor

from .run import ACTIVATIONS, run_step


def sru(
    x: Tensor, v: Tensor, c0: Tensor | None = None, *, skip: bool = True, activation: str = "identity", **steps: Any
) -> tuple[Tensor, Tensor]:
    """c_t = f c_{t-1} + (1 - f) x_t, y_t = r activation(c_t) + (1 - r) skip_t; see `functional.sru`."""

    def step(x_t: Tensor, forget: Tensor, reset: Tensor, *others: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        c, f_v, r_v = others[-1], *v.to(x_t.dtype)
        f, r = torch.sigmoid(forget + f_v * c), torch.sigmoid(reset + r_v * c)
        c = f * c + (1 - f) * x_t
        return r * ACTIVATIONS[activation](c) + ((1 - r) * others[0] if skip else 0), (c,)

    return run_step(step, x, 4 if skip else 3, (c0,), **steps)


def qrnn(x: Tensor, c0: Tensor | None = None, *, pooling: str = "fo", **steps: Any) -> tuple[Tensor, Tensor]:
    """c_t = f c_{t-1} + i tanh(z_t), y_t = o c_t; see `functional.qrnn`."""

    def step(z: Tensor, forget: Tensor, *others: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        *gates, c = others
        take = gates[1] if pooling == "ifo" else -forget
        c = torch.sigmoid(forget) * c + torch.sigmoid(take) * torch.tanh(z)
        return torch.sigmoid(gates[0]) * c if gates else c, (c,)

    return run_step(step, x, 1 + len(pooling), (c0,), **steps)


def indylstm(
    x: Tensor,
    u: Tensor,
    peepholes: Tensor | None = None,
    h0: Tensor | None = None,
    c0: Tensor | None = None,
    **steps: Any,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """An LSTM with diagonal recurrent matrices; see `functional.indylstm`."""

    def step(*numbers: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        *inputs, h, c = numbers
        i, f, g, o = (a + b * h for a, b in zip(inputs, u.to(h.dtype), strict=True))
        p_i, p_f, p_o = torch.zeros_like(u[:3]).to(h.dtype) if peepholes is None else peepholes.to(h.dtype)
        c_next = torch.sigmoid(f + p_f * c) * c + torch.sigmoid(i + p_i * c) * torch.tanh(g)
        h = torch.sigmoid(o + p_o * c_next) * torch.tanh(c_next)
        return h, (h, c_next)

    return run_step(step, x, 4, (h0, c0), **steps)


def indygru(
    x: Tensor, u: Tensor, bias: Tensor | None = None, h0: Tensor | None = None, **steps: Any
) -> tuple[Tensor, Tensor]:
    """A GRU with diagonal recurrent matrices; see `functional.indygru`."""

    def step(reset: Tensor, update: Tensor, candidate: Tensor, h: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        u_r, u_z, u_n = u.to(h.dtype)
        r, z = torch.sigmoid(reset + u_r * h), torch.sigmoid(update + u_z * h)
        n = torch.tanh(candidate + r * (u_n * h + (0 if bias is None else bias.to(h.dtype))))
        h = (1 - z) * n + z * h
        return h, (h,)

    return run_step(step, x, 3, (h0,), **steps)


def unicornn(
    x: Tensor,
    w: Tensor,
    step_size: Tensor,
    y0: Tensor | None = None,
    z0: Tensor | None = None,
    *,
    alpha: float,
    **steps: Any,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """z_t = z_{t-1} - s (tanh(w y_{t-1} + x_t) + alpha y_{t-1}), y_t = y_{t-1} + s z_t; see `functional.unicornn`."""

    def step(x_t: Tensor, y: Tensor, z: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        s = step_size.to(y.dtype)
        z = z - s * (torch.tanh(w.to(y.dtype) * y + x_t) + alpha * y)
        y = y + s * z
        return y, (y, z)

    return run_step(step, x, 1, (y0, z0), **steps)


def rglru(x: Tensor, rate: Tensor, h0: Tensor | None = None, **steps: Any) -> tuple[Tensor, Tensor]:
    """h_t = a h_{t-1} + sqrt(1 - a^2) i x_t, a = e^(-rate r); see `functional.rglru`."""

    def step(x_t: Tensor, recurrence: Tensor, gate: Tensor, h: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        log_a = -rate.to(h.dtype) * torch.sigmoid(recurrence)
        h = torch.exp(log_a) * h + torch.sqrt(-torch.expm1(2 * log_a)) * torch.sigmoid(gate) * x_t
        return h, (h,)

    return run_step(step, x, 3, (h0,), **steps)


def hgrn(x: Tensor, lower: Tensor, h0: Tensor | None = None, **steps: Any) -> tuple[Tensor, Tensor]:
    """h_t = f h_{t-1} + (1 - f) x_t, f = lower + (1 - lower) sigmoid(forget); see `functional.hgrn`."""

    def step(x_t: Tensor, forget: Tensor, h: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        taken = (1 - lower.to(h.dtype)) * torch.sigmoid(-forget)
        h = (1 - taken) * h + taken * x_t
        return h, (h,)

    return run_step(step, x, 2, (h0,), **steps)


def hgrn_complex(
    x: Tensor, lower: Tensor, angle: Tensor, h0: Tensor | None = None, k0: Tensor | None = None, **steps: Any
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """h_t = f e^(i angle) h_{t-1} + (1 - f) x_t; see `functional.hgrn_complex`."""

    def step(re: Tensor, im: Tensor, forget: Tensor, h: Tensor, k: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        low, a, b = (w.to(h.dtype) for w in (lower, angle.cos(), angle.sin()))
        taken = (1 - low) * torch.sigmoid(-forget)
        h, k = (1 - taken) * (a * h - b * k) + taken * re, (1 - taken) * (b * h + a * k) + taken * im
        return torch.cat((h, k), -1), (h, k)

    return run_step(step, x, 3, (h0, k0), parts=2, **steps)


def lru(
    x: Tensor,
    real: Tensor,
    imaginary: Tensor,
    gain: Tensor,
    h0: Tensor | None = None,
    k0: Tensor | None = None,
    *,
    activation: str = "identity",
    **steps: Any,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    """h_t = (real + i imaginary) h_{t-1} + gain x_t, y_t = activation(h_t), complex; see `functional.lru`."""

    def step(re: Tensor, im: Tensor, h: Tensor, k: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        a, b, g = (w.to(h.dtype) for w in (real, imaginary, gain))
        h, k = a * h - b * k + g * re, b * h + a * k + g * im
        return ACTIVATIONS[activation](torch.cat((h, k), -1)), (h, k)

    return run_step(step, x, 2, (h0, k0), parts=2, **steps)
