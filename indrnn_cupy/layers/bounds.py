"""Elementwise recurrent weights: kept within bounds, and initialised with memories."""

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from .recurrence import Recurrence, assign_, clamp_parameter_
from .sequence import StateT


def above_one(bound: float | None) -> bool:
    """Whether a recurrence with this bound can be initialised with a long memory."""
    return bound is not None and bound > 1


def of_last_layer(options: dict[str, Any]) -> dict[str, Any]:
    """The options of a network's last recurrence: with a long memory if its bound allows it, unless disabled."""
    return {"long_memory": True} | options if above_one(options.get("bound")) else options


class BoundedRecurrence(Recurrence[StateT]):
    """A recurrence with a recurrent weight u, `(H,)`, and its bound; see :class:`IndRNNRecurrence`."""

    def __init__(
        self,
        hidden_size: int,
        activation: str = "relu",
        batch_first: bool = False,
        bound: float | None = None,
        long_memory: bool = False,
        clamp: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(hidden_size, activation, batch_first)
        if bound is not None and not 0 < bound < math.inf:
            raise ValueError(f"bound is {bound}, expected a positive number or None")
        if long_memory and not above_one(bound):
            raise ValueError(f"long_memory needs a bound above 1, but bound is {bound}; try 5 ** (1 / T)")
        if clamp and bound is None:
            raise ValueError("clamp needs a bound; try 5 ** (1 / T)")
        self.bound, self.long_memory, self.clamp = bound, long_memory, clamp
        self.weight = nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        bound = 1.0 if self.bound is None else self.bound
        value = torch.empty_like(self.weight, requires_grad=False)
        assign_(self, "weight", nn.init.uniform_(value, 1 / bound if self.long_memory else 0.0, bound))

    def clamped_weight(self) -> Tensor:
        """u as used in the computation."""
        return self.weight.clamp(-self.bound, self.bound) if self.clamp and self.bound is not None else self.weight

    def clamp_(self) -> None:
        """Clamps u to [-bound, bound] in place."""
        if self.bound is not None:
            clamp_parameter_(self, "weight", -self.bound, self.bound)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, bound={self.bound}"


class MemoryRecurrence(Recurrence[StateT]):
    """A recurrence with a gate that keeps the state, number `keeping` of its inputs."""

    keeping: int | None = None  # if None, the recurrence initialises its memories itself

    def __init__(
        self, hidden_size: int, activation: str | None, batch_first: bool, longest_memory: float | None
    ) -> None:
        super().__init__(hidden_size, activation, batch_first)
        check_memory(longest_memory)
        self.longest_memory = longest_memory

    @torch.no_grad()
    def initialize_(self, before: nn.Module) -> None:
        if self.longest_memory is not None and self.keeping is not None:
            spread_bias_(bias_of(before).unflatten(0, (self.gates, -1))[self.keeping], self.longest_memory)


def recurrences(network: nn.Module) -> Iterator[BoundedRecurrence]:
    """The recurrences of a network that have an elementwise recurrent weight, from first to last."""
    return (module for module in network.modules() if isinstance(module, BoundedRecurrence))


def clamp_recurrent_(network: nn.Module) -> None:
    """Clamps every recurrent weight to [-bound, bound], and thresholds to [0, 1]; to be called after an optimizer step.

    A parametrized weight is set through the right inverse of its parametrization. Raises RuntimeError if there is none,
    or if the weight stays outside; `clamp=True` of the recurrence works with any parametrization.
    """
    for module in network.modules():
        if isinstance(module, Recurrence):
            module.clamp_()


def recurrent_penalty(network: nn.Module) -> Tensor:
    r"""The excess of recurrent weights over their bounds, to be added to a loss: :math:`\|\max(0, |u| - bound)\|_2`."""
    excess = [(r.weight.abs() - r.bound).relu() for r in recurrences(network) if r.bound is not None]
    return torch.linalg.vector_norm(torch.cat(excess)) if excess else torch.zeros((), device="cpu")


@torch.no_grad()
def spread_memory_(u: Tensor, longest: float) -> None:
    """Fills u with e^(-1/m), with memories m distributed log-uniformly from 1 to `longest` steps.

    Fewer training steps are then needed: of weights from U(0, 1), only 3 % remember longer than 33 steps.
    """
    if not u.is_leaf:
        raise ValueError(
            "u is computed from other tensors, like a parametrized weight; call spread_memory_ before parametrizing it"
        )
    nn.init.uniform_(u, 0, math.log(longest))
    u.copy_(torch.exp(-torch.exp(-u)))


@torch.no_grad()
def spread_bias_(bias: Tensor, longest: float) -> None:
    """Fills the bias of a forget gate such that memories are distributed in the same way."""
    bias.uniform_(0, math.log(longest)).exp_().sub_(1).clamp_(min=1e-3).log_()


def check_memory(longest: float | None) -> None:
    """Raises ValueError unless this is a valid longest memory, or None."""
    if longest is not None and not 2 <= longest < math.inf:
        raise ValueError(f"longest_memory is {longest}, expected a number of steps, at least 2")


def bias_of(module: nn.Module) -> Tensor:
    """The bias that sets the initial memory of the recurrence after this module."""
    if not isinstance(module.bias, Tensor):
        raise ValueError("the initial memory is set by a bias, but there is none")
    return module.bias
