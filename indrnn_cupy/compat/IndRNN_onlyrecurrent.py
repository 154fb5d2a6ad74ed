"""`IndRNN_onlyrecurrent` of github.com/Sunnydreamrain/IndRNN_pytorch, plain version: recurrence with ReLU only."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from . import cuda_IndRNN_onlyrecurrent


class IndRNN_onlyrecurrent(cuda_IndRNN_onlyrecurrent.IndRNN_onlyrecurrent):
    """The same with the arguments of the plain version, whose unidirectional checkpoints can be loaded."""

    def __init__(
        self,
        hidden_size: int,
        recurrent_init: Callable[[Tensor], Any] | None = None,
        hidden_max_abs: float | None = None,
    ) -> None:
        super().__init__(hidden_size, hidden_max_abs=hidden_max_abs, recurrent_init=recurrent_init)


class IndRNNCell_onlyrecurrent(cuda_IndRNN_onlyrecurrent.IndRNN_onlyrecurrent):
    """One step: `forward(input, hx)`, `(B, H)` each, returns the next h, relu(input + weight_hh * hx)."""

    def __init__(
        self,
        hidden_size: int,
        hidden_max_abs: float | None = None,
        recurrent_init: Callable[[Tensor], Any] | None = None,
    ) -> None:
        super().__init__(hidden_size, hidden_max_abs=hidden_max_abs, recurrent_init=recurrent_init)

    def forward(self, input: Tensor, hx: Tensor) -> Tensor:  # type: ignore[override]
        if input.dim() != 2:
            raise ValueError(f"input has shape {tuple(input.shape)}, expected (B, {self.hidden_size})")
        return super().forward(input, hx)
