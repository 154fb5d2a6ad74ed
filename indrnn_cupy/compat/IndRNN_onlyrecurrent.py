"""`IndRNN_onlyrecurrent` of github.com/Sunnydreamrain/IndRNN_pytorch, the plain version: recurrence and ReLU alone."""

from collections.abc import Callable
from typing import Any

from torch import Tensor

from . import cuda_IndRNN_onlyrecurrent


class IndRNN_onlyrecurrent(cuda_IndRNN_onlyrecurrent.IndRNN_onlyrecurrent):
    """The same with the arguments of the plain version; checkpoints of it load, of one direction."""

    def __init__(self, hidden_size: int, recurrent_init: Callable[[Tensor], Any] | None = None) -> None:
        super().__init__(hidden_size, recurrent_init=recurrent_init)
