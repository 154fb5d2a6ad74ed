"""Every recurrence in plain PyTorch: what the kernels are held to, with the signatures of `functional`."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

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


def egru(
    x: Tensor,
    recurrent_kernel: Tensor,
    recurrent_bias: Tensor,
    threshold: Tensor,
    event0: Tensor | None = None,
    cell0: Tensor | None = None,
    trace0: Tensor | None = None,
    *,
    reset_mode: str = "subtract_threshold",
    dampening_factor: float | Tensor = 0.7,
    pseudo_derivative_support: float | Tensor = 1.0,
    zoneout: float = 0.0,
    training: bool = True,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
) -> tuple[Tensor, tuple[Tensor, ...], tuple[Tensor, ...]]:
    """A GRU whose units are seen by others only above their threshold; see `functional.egru`."""
    T, B, H = x.shape[1 if batch_first else 0], x.shape[0 if batch_first else 1], len(threshold)
    seeds = zoneout_seeds(x, T) if zoneout and training else None
    if seeds is not None:
        kept = zoneout_mask(seeds, B, H, zoneout).to(x.dtype)
        x = torch.cat((x, kept.transpose(0, 1) if batch_first else kept), -1)

    def cell(x_t: Tensor, y: Tensor, h: Tensor, trace: Tensor, _: Tensor) -> tuple[Tensor, ...]:
        R, b, theta = (w.to(h.dtype) for w in (recurrent_kernel, recurrent_bias, threshold))
        (x_z, x_r, x_g), (q_z, q_r, q_g) = x_t[:, : 3 * H].chunk(3, -1), torch.addmm(b, y, R).chunk(3, -1)
        v = torch.lerp(torch.tanh(x_g + torch.sigmoid(x_r + q_r) * q_g), h, torch.sigmoid(x_z + q_z))
        if zoneout:
            v = torch.lerp(v, h, zoneout) if seeds is None else torch.where(x_t[:, 3 * H :] > 0, h, v)
        event = Event.apply(v - theta, dampening_factor, pseudo_derivative_support)
        y = event * v
        taken = {"subtract_threshold": event * theta, "subtract_output": y, "none": 0}[reset_mode]
        return y, v - taken, 0.9 * trace + 0.1 * y, event

    initial = event0, cell0, trace0, None
    sequences, states = run_cell(cell, x, initial, lengths, resets, reverse, batch_first, width=H)
    y, cells, traces, events = sequences
    return y, (cells, events, traces), tuple(s.to(x.dtype) for s in states[:3])


class Event(torch.autograd.Function):
    """1 above 0, else 0; for a gradient its slope is dampening * max(0, 1 - support * |distance|)."""

    @staticmethod
    def forward(ctx, distance, dampening, support):
        ctx.save_for_backward(dampening * (1 - support * distance.abs()).relu())
        return (distance > 0).to(distance.dtype)

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0], None, None


def zoneout_seeds(x: Tensor, T: int) -> Tensor:
    """A random number for each step."""
    return torch.randint(2**62, (T,), device=x.device)


def zoneout_mask(seeds: Tensor, B: int, H: int, zoneout: float) -> Tensor:
    """Which cells zoneout keeps, (T, B, H): SplitMix64 from each step's seed, as in kernels/egru.cu."""
    places = torch.arange(1, B * H + 1, device=seeds.device).view(B, H)
    bits = seeds[:, None, None] + (0x9E3779B97F4A7C15 - 2**64) * places
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = (bits ^ (bits >> shift & (1 << 64 - shift) - 1)) * (factor - 2**64)
    bits ^= bits >> 31 & (1 << 33) - 1
    return (bits >> 40 & 0xFFFFFF) * 2.0**-24 < zoneout


def run_cell(
    cell: Callable[..., tuple[Tensor, ...]],
    x: Tensor,
    initial: Sequence[Tensor | None],
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    batch_first: bool,
    width: int | None = None,
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Every state of a cell after each step, and the last; 16-bit input is worked on in float32.

    `width` is that of the states, if not of x.
    """
    dtype = x.dtype
    x = (x.transpose(0, 1) if batch_first else x).to(torch.promote_types(dtype, torch.float32))
    shape = (x.shape[1], x.shape[2] if width is None else width)
    states = tuple(x.new_zeros(shape) if s is None else s.to(x.dtype) for s in initial)
    inputs, outputs = x.unbind(0), [states] * len(x)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        before, valid = states, None if lengths is None else (t < lengths).unsqueeze(1)
        if resets is not None:
            marked = resets[:, t] if batch_first else resets[t]
            before = tuple(s.masked_fill(marked.unsqueeze(1), 0) for s in before)
        if valid is None:
            states = outputs[t] = cell(inputs[t], *before)
        else:
            new = cell(torch.where(valid, inputs[t], 0), *before)
            states = tuple(torch.where(valid, n, s) for n, s in zip(new, states, strict=True))
            outputs[t] = tuple(torch.where(valid, n, 0) for n in new)
    sequences = map(torch.stack, zip(*outputs, strict=True)) if outputs else (x.new_zeros(0, *shape) for _ in states)
    axes = (0, 1) if batch_first else (0, 0)
    types = (dtype if s is None else torch.promote_types(dtype, s.dtype) for s in initial)  # a state may be wider
    last = tuple(s.to(t) for s, t in zip(states, types, strict=True))
    return tuple(s.to(dtype).transpose(*axes) for s in sequences), last
