"""`cuda_IndRNN_onlyrecurrent` of github.com/Sunnydreamrain/IndRNN_pytorch, here for both CPU and GPU."""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from .. import functional as F


class ClippedGradient(torch.autograd.Function):
    """The identity, with the gradient clamped to [-limit, limit]."""

    @staticmethod
    def forward(ctx, x, limit):
        ctx.limit = limit
        return x.view_as(x)

    @staticmethod
    def backward(ctx, grad):
        return grad.clamp(-ctx.limit, ctx.limit), None


class IndRNN_onlyrecurrent(nn.Module):
    """h_t = relu(x_t + weight_hh * h_{t-1}), for x `(T, B, H)` or one step `(B, H)`; returns h at every step.

    Args:
        hidden_size: H.
        gradclipvalue: if positive, the gradients of the input, the weight and h0 are clamped to +-gradclipvalue.
        hidden_max_abs: ignored, as in the original; clamp the weight yourself, `rnn.weight_hh.data.clamp_(-1, 1)`.
        recurrent_init: a function that fills the weight; by default it is initialised from U(0, 1).

    New code should use :class:`indrnn_cupy.IndRNNRecurrence`, which also returns the last state.
    """

    def __init__(
        self,
        hidden_size: int,
        gradclipvalue: float = 0,
        hidden_max_abs: float | None = None,
        recurrent_init: Callable[[Tensor], Any] | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(gradclipvalue, int | float) or isinstance(gradclipvalue, bool):
            raise TypeError(f"gradclipvalue is {gradclipvalue!r}, expected a number; 0 for none")
        if recurrent_init is not None and not callable(recurrent_init):
            raise TypeError(f"recurrent_init is {recurrent_init!r}, expected a function that fills a tensor")
        self.hidden_size, self.gradclipvalue, self.recurrent_init = hidden_size, gradclipvalue, recurrent_init
        self.weight_hh = nn.Parameter(torch.empty(hidden_size))
        self.register_load_state_dict_pre_hook(_from_cell)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        (self.recurrent_init or nn.init.uniform_)(self.weight_hh)

    def forward(self, input: Tensor, h0: Tensor | None = None) -> Tensor:
        x = input.unsqueeze(0) if input.dim() == 2 else input
        if h0 is not None and h0.shape not in (x.shape[1:], (1, *x.shape[1:])):
            shape = tuple(x.shape[1:])
            raise ValueError(f"h0 has shape {tuple(h0.shape)}, expected {shape} or {(1, *shape)}")
        first = None if h0 is None else self._clipped(h0.reshape(x.shape[1:]))
        h, _ = F.indrnn(self._clipped(x), self._clipped(self.weight_hh), first)
        return h.squeeze(0) if input.dim() == 2 else h

    def _clipped(self, tensor: Tensor) -> Tensor:
        return ClippedGradient.apply(tensor, self.gradclipvalue) if self.gradclipvalue > 0 else tensor


def _from_cell(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Loads the original plain version, which has its weight in a cell and, in one variant, an initial state of 0."""
    for name in ("indrnn_cell", "cells.0"):
        if f"{prefix}{name}.weight_hh" in state:
            state[f"{prefix}weight_hh"] = state.pop(f"{prefix}{name}.weight_hh")
            state.pop(f"{prefix}h0", None)


cuda_IndRNN_onlyrecurrent = IndRNN_onlyrecurrent
