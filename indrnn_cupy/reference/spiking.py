"""The leaky integrate-and-fire neuron."""

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from .run import run_step

# Surrogate slopes of a spike, as functions of the distance from the threshold.
SURROGATES: dict[str, Callable[[Tensor], Tensor]] = {
    "triangle": lambda x: (1 - x.abs()).relu(),
    "sigmoid": lambda x: torch.sigmoid(x) * torch.sigmoid(-x),
    "arctan": lambda x: 1 / (1 + (math.pi * x).square()),
    "none": torch.zeros_like,
}


class Spike(torch.autograd.Function):
    """1 above 0, else 0; NaN is propagated."""

    @staticmethod
    def forward(ctx, distance, surrogate):
        ctx.save_for_backward(SURROGATES[surrogate](distance))
        return torch.where(distance.isnan(), distance, (distance > 0).to(distance.dtype))

    @staticmethod
    def backward(ctx, grad):
        return grad * ctx.saved_tensors[0], None


def lif(
    x: Tensor,
    decay: Tensor,
    threshold: Tensor,
    v0: Tensor | None = None,
    rest0: Tensor | None = None,
    *,
    gain: Tensor | None = None,
    reset: str = "soft",
    reset_value: Tensor | None = None,
    surrogate: str = "arctan",
    steepness: float = 1.0,
    detach_reset: bool = False,
    refractory: int = 0,
    membrane: bool = False,
    **steps: Any,
) -> tuple[Tensor, Any]:
    """A neuron that charges, fires above its threshold and is reset; see `functional.lif`."""

    def step(x_t: Tensor, v: Tensor, *rest: Tensor) -> tuple[Tensor, tuple[Tensor, ...]]:
        d, t = decay.to(v.dtype), threshold.to(v.dtype)
        value = (t if reset == "soft" else torch.zeros_like(t)) if reset_value is None else reset_value.to(v.dtype)
        charge = d * v + (x_t if gain is None else gain.to(v.dtype) * x_t)
        fired = Spike.apply(steepness * (charge - t), surrogate)
        back = fired.detach() if detach_reset else fired
        after = charge - back * value if reset == "soft" else (1 - back) * charge + back * value
        if rest:
            rests = rest[0] > 0
            fired, after, charge = (torch.where(rests, a, b) for a, b in ((0, fired), (v, after), (v, charge)))
            rest = (torch.where(rests, rest[0] - 1, fired.detach() * refractory).detach(),)
        return torch.cat((fired, charge), -1) if membrane else fired, (after, *rest)

    return run_step(step, x, 1, (v0, rest0) if refractory else (v0,), parts=2 if membrane else 1, **steps)
