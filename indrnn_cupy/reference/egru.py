"""The event-based GRU."""

import torch
from torch import Tensor

from .run import run_cell


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
    """A GRU in which other units see a unit only above its threshold; see `functional.egru`."""
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
    """1 above 0, else 0, with the surrogate slope `dampening * max(0, 1 - support * |distance|)`."""

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
    """Marks the cells that zoneout keeps, (T, B, H): SplitMix64 of the seed of each step, as in kernels/egru.cu."""
    places = torch.arange(1, B * H + 1, device=seeds.device).view(B, H)
    bits = seeds[:, None, None] + (0x9E3779B97F4A7C15 - 2**64) * places
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        bits = (bits ^ (bits >> shift & (1 << 64 - shift) - 1)) * (factor - 2**64)
    bits ^= bits >> 31 & (1 << 33) - 1
    return (bits >> 40 & 0xFFFFFF) * 2.0**-24 < zoneout
