"""Every recurrence in plain PyTorch: what the kernels are held to, with the signatures of `functional`."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "hardtanh": torch.nn.functional.hardtanh,
    "identity": lambda x: x,
    "g": lambda x: torch.where(x >= 0, x + 0.5, torch.sigmoid(x)),
}


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

    y, (h_n,) = _run(cell, x, (h0,), lengths, resets, reverse, batch_first)
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

    y, (h_n, c_n) = _run(cell, x, (h0, c0), lengths, resets, reverse, batch_first)
    return y, (h_n, c_n)


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
        return (torch.lerp(h, ACTIVATIONS[activation](candidate), torch.sigmoid(gate)),)

    y, (h_n,) = _run(cell, x, (h0,), lengths, resets, reverse, batch_first, width=x.shape[-1] // 2)
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
        excess = torch.nn.functional.logsigmoid(take) - torch.nn.functional.logsigmoid(forget)
        return (torch.lerp(h, ACTIVATIONS[activation](candidate), torch.sigmoid(excess)),)

    y, (h_n,) = _run(cell, x, (h0,), lengths, resets, reverse, batch_first, width=x.shape[-1] // 3)
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

    y, (h_n,) = _run(cell, torch.cat((a, b), -1), (h0,), lengths, resets, reverse, batch_first, width=a.shape[-1])
    return y, h_n


def _run(
    cell: Callable[..., tuple[Tensor, ...]],
    x: Tensor,
    initial: Sequence[Tensor | None],
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    batch_first: bool,
    width: int | None = None,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The first state of a cell after each step, and the last of every state; 16-bit input is worked on in float32.

    `width` is that of the states, if not of x.
    """
    dtype = x.dtype
    x = (x.transpose(0, 1) if batch_first else x).to(torch.promote_types(dtype, torch.float32))
    shape = (x.shape[1], x.shape[2] if width is None else width)
    states = tuple(x.new_zeros(shape) if s is None else s.to(x.dtype) for s in initial)
    inputs, outputs = x.unbind(0), [torch.zeros_like(states[0])] * len(x)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        before, valid = states, None if lengths is None else (t < lengths).unsqueeze(1)
        if resets is not None:
            marked = resets[:, t] if batch_first else resets[t]
            before = tuple(s.masked_fill(marked.unsqueeze(1), 0) for s in before)
        if valid is None:
            states = cell(inputs[t], *before)
            outputs[t] = states[0]
        else:
            new = cell(torch.where(valid, inputs[t], 0), *before)
            states = tuple(torch.where(valid, n, s) for n, s in zip(new, states, strict=True))
            outputs[t] = torch.where(valid, new[0], 0)
    y = torch.stack(outputs).to(dtype) if outputs else x.new_zeros(0, *shape).to(dtype)
    return y.transpose(0, 1) if batch_first else y, tuple(s.to(dtype) for s in states)
