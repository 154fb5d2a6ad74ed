"""The recurrences of minGRU and minLSTM as modules."""

import math
from collections.abc import Callable
from typing import ClassVar

import torch
from torch import Tensor, nn

from ..functional.gated import mingru_call, minlstm_call
from ..functional.run import Call
from .bounds import bias_of, check_memory, spread_bias_
from .recurrence import Recurrence


class GatedRecurrence(Recurrence[Tensor]):
    """The base class of :class:`MinGRURecurrence` and :class:`MinLSTMRecurrence`."""

    function: ClassVar[Callable[..., Call]]

    def __init__(
        self,
        hidden_size: int,
        activation: str = "identity",
        batch_first: bool = False,
        learned_h0: bool = False,
        forget_bias: float = 0.0,
        longest_memory: float | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(hidden_size, activation, batch_first)
        check_memory(longest_memory)
        if not math.isfinite(forget_bias):
            raise ValueError(f"forget_bias is {forget_bias}, expected a finite number")
        if forget_bias and longest_memory is not None:
            raise ValueError("forget_bias and longest_memory set the same bias; pass only one of them")
        self.forget_bias, self.longest_memory = forget_bias, longest_memory
        self.h0: nn.Parameter | None = None
        if learned_h0:
            self.h0 = nn.Parameter(torch.zeros(hidden_size, device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        if self.h0 is not None:
            nn.init.zeros_(self.h0)

    @torch.no_grad()
    def initialize_(self, before: nn.Module) -> None:
        if not self.forget_bias and self.longest_memory is None:
            return
        keeping, *taking = bias_of(before).unflatten(0, (self.gates, -1))[:-1]
        bias = torch.full_like(keeping, self.forget_bias)
        if self.longest_memory is not None:
            spread_bias_(bias, self.longest_memory)
        for gate in taking or [keeping]:
            gate.sub_(bias)
        if taking:
            keeping.add_(bias)

    def call(self, x: Tensor, state: Tensor | None) -> Call:
        if state is None and self.h0 is not None:
            state = self.h0.expand(x.shape[0 if self.batch_first else 1], -1)
        return type(self).function(x, state, self.activation)


class MinGRURecurrence(GatedRecurrence):
    r"""The recurrence of minGRU: :math:`h_t = (1 - z_t) \odot h_{t-1} + z_t \odot \phi(c_t)`.

    See :func:`indrnn_cupy.functional.mingru`.

    Args:
        hidden_size: H, the number of units.
        activation: phi of the candidate, "identity", "tanh", "g", ...
        batch_first: sequences are `(B, T, 2 H)` instead of `(T, B, 2 H)`.
        learned_h0: the initial state defaults to a learnable parameter `h0`, `(H,)`, initialised to 0.
        forget_bias: added to the bias of the gate in the preceding projection, such that a state is initially kept for
            e^forget_bias steps; with 0, it is gone after two.
        longest_memory: instead, initial memories distributed log-uniformly from 1 to this number of steps.

    Shape: `forward(x, h0=None, *, lengths=None, resets=None, reverse=False)`, with x `(T, B, 2 H)` and h0 `(B, H)`,
    returns `(y, h_n)`, `(T, B, H)` and `(B, H)`. `step(x_t, h)` runs one step of a stream.

    Reference: Feng et al., "Were RNNs All We Needed?", 2024, arXiv 2410.01201.
    """

    gates = 2
    function = staticmethod(mingru_call)


class MinLSTMRecurrence(GatedRecurrence):
    r"""The recurrence of minLSTM: :math:`h_t = (f_t \odot h_{t-1} + i_t \odot \phi(c_t)) / (f_t + i_t)`.

    See :func:`indrnn_cupy.functional.minlstm`. Arguments, shape (with 3 H in place of 2 H) and reference: as in
    :class:`MinGRURecurrence`.
    """

    gates = 3
    function = staticmethod(minlstm_call)
