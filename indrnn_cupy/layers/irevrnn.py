"""IRevRNN layers."""

from typing import Any

import torch
from torch import Tensor, nn

from ..functional.checks import check_activation, check_memory_options
from ..functional.irevrnn import check_sub_steps, irevrnn_call
from ..functional.run import Call
from .bounds import BoundedRecurrence
from .stack import RecurrentStack

SMALL = 0.01  # standard deviation of the initial inner weights


class IRevRNNRecurrence(BoundedRecurrence[tuple[Tensor, Tensor]]):
    r"""The recurrence of IRevRNN: IndRNN with a second state, coupled to the first by reversible sub-steps.

    See :func:`indrnn_cupy.functional.irevrnn` for the equations.

    Args:
        rev_len: R, the number of sub-steps in each step.
        inner_activation: phi of the sub-steps, any of the activations.
        stable: compute with :math:`|a|` and :math:`-|b|`, so that the sub-steps rotate (h, c) without growth.
        memory, every: what is saved for backward, as in the function.
        hidden_size, activation, batch_first, bound, long_memory, clamp: as in :class:`IndRNNRecurrence`.

    Shape: `forward(x, state=None, *, lengths=None, resets=None, reverse=False)`, with x `(T, B, H)` and the state
    (h0, c0), `(B, H)` each, returns `(y, (h_n, c_n))`. Both states default to zero; to start from noise, pass it.
    `step(x_t, state)` runs one step of a stream.

    Attributes:
        weight: u, `(H,)`.
        hidden_weights, cell_weights: a and b, `(R, H)`, initialised to small values, near IndRNN.

    Reference: github.com/shaofei-liu/irevrnn.
    """

    state_names = ("h0", "c0")

    def __init__(
        self,
        hidden_size: int,
        rev_len: int = 3,
        activation: str = "relu",
        inner_activation: str = "tanh",
        batch_first: bool = False,
        bound: float | None = None,
        long_memory: bool = False,
        clamp: bool = False,
        stable: bool = False,
        memory: str = "recompute",
        every: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(hidden_size, activation, batch_first, bound, long_memory, clamp, device, dtype)
        check_activation(inner_activation, "inner_activation")
        check_sub_steps("rev_len", rev_len)
        check_memory_options(memory, every)
        self.rev_len, self.inner_activation, self.stable = rev_len, inner_activation, stable
        self.memory, self.every = memory, every
        self.hidden_weights = nn.Parameter(torch.empty(rev_len, hidden_size, device=device, dtype=dtype))
        self.cell_weights = nn.Parameter(torch.empty(rev_len, hidden_size, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.normal_(self.hidden_weights, std=SMALL)
        nn.init.normal_(self.cell_weights, std=SMALL)

    def call(self, x: Tensor, state: tuple[Tensor, Tensor] | None) -> Call:
        a, b = self.hidden_weights, self.cell_weights
        weights = self.clamped_weight(), a.abs() if self.stable else a, -b.abs() if self.stable else b
        options: tuple[Any, ...] = self.activation, self.inner_activation, self.memory, self.every, self.batch_first
        return irevrnn_call(x, *weights, self.states(state), *options)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, rev_len={self.rev_len}, inner_activation={self.inner_activation!r}"


class IRevRNN(RecurrentStack[tuple[Tensor, Tensor]]):
    """A stack of IRevRNN layers, each a projection and the recurrence, with arguments and shapes of `torch.nn.LSTM`.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in `torch.nn.LSTM`.
        rev_len, activation, inner_activation, bound, stable, memory, every: as in :class:`IRevRNNRecurrence`; with a
            bound above 1, the last layer is initialised with a long memory.

    Shape: `forward(x, state=None, *, lengths=None, resets=None)`, as in :class:`IndRNN` but with the state (h0, c0),
    `(num_layers * directions, B, hidden_size)` each, returns `(output, (h_n, c_n))`.

    Attributes:
        projections, recurrences: the `torch.nn.Linear` and the :class:`IRevRNNRecurrence` of each layer and direction.

    Reference: github.com/shaofei-liu/irevrnn.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        rev_len: int = 3,
        activation: str = "relu",
        inner_activation: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        bound: float | None = None,
        stable: bool = False,
        memory: str = "recompute",
        every: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            device,
            dtype,
            IRevRNNRecurrence,
            rev_len=rev_len,
            activation=activation,
            inner_activation=inner_activation,
            bound=bound,
            stable=stable,
            memory=memory,
            every=every,
        )
