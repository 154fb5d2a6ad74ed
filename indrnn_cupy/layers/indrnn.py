"""IndRNN layers."""

import math

import torch
from torch import Tensor, nn

from .. import functional as F
from .stack import RecurrentStack


def above_one(bound: float | None) -> bool:
    """Whether a recurrence of this bound can begin with a long memory."""
    return bound is not None and bound > 1


class IndRNNRecurrence(nn.Module):
    r"""The recurrence alone, an activation function with a memory: :math:`h_t = \sigma(x_t + u \odot h_{t-1})`.

    Put it where a network has a ReLU; see :func:`indrnn_cupy.functional.indrnn`.

    Args:
        hidden_size: H, the number of units.
        activation: "relu", "tanh", "sigmoid", "hardtanh" or "identity".
        batch_first: sequences are `(B, T, H)` instead of `(T, B, H)`.
        bound: the largest :math:`|u|`, or None. For a ReLU over T steps `magnitude ** (1 / T)` keeps what a unit
            remembers from growing by more than `magnitude`, of which 2 to 5 are usual. u begins in (0, bound), in
            (0, 1) without one. It is held by :func:`clamp_recurrent_` after each step of the optimizer, by `clamp`, or
            softly by adding :func:`recurrent_penalty` to the loss.
        long_memory: begin with u in (1 / bound, bound), as in the last layer of a network that reads off its last
            step, rather than in (0, bound). Needs a bound.
        clamp: compute with u clamped to [-bound, bound]. A weight that a step carried beyond gets no gradient there.

    Shape: `forward(x, h0=None, *, lengths=None, resets=None, reverse=False)` with x `(T, B, H)` and h0 `(B, H)` gives
    `(y, h_n)`: y like x, h_n `(B, H)`; the keywords are those of the function.

    Attributes:
        weight: u, `(H,)`.
    """

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
        super().__init__()
        F.check_activation(activation)
        if bound is not None and not 0 < bound < math.inf:
            raise ValueError(f"bound is {bound}, expected a positive number or None")
        if long_memory and not above_one(bound):
            raise ValueError(f"long_memory needs a bound above 1, and bound is {bound}; try 5 ** (1 / T)")
        if clamp and bound is None:
            raise ValueError("clamp needs a bound; try 5 ** (1 / T)")
        self.hidden_size, self.activation, self.batch_first = hidden_size, activation, batch_first
        self.bound, self.long_memory, self.clamp = bound, long_memory, clamp
        self.weight = nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        bound = 1.0 if self.bound is None else self.bound
        nn.init.uniform_(self.weight, 1 / bound if self.long_memory else 0.0, bound)

    def clamped_weight(self) -> Tensor:
        """u as it is computed with."""
        return self.weight.clamp(-self.bound, self.bound) if self.clamp and self.bound is not None else self.weight

    @torch.no_grad()
    def clamp_(self) -> None:
        """Brings u back into [-bound, bound]."""
        if self.bound is not None:
            self.weight.clamp_(-self.bound, self.bound)

    def forward(
        self,
        x: Tensor,
        h0: Tensor | None = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        reverse: bool = False,
    ) -> tuple[Tensor, Tensor]:
        return F.indrnn(
            x,
            self.clamped_weight(),
            h0,
            activation=self.activation,
            lengths=lengths,
            resets=resets,
            reverse=reverse,
            batch_first=self.batch_first,
        )

    def step(self, x_t: Tensor, h: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """One step of a stream: x_t and h `(B, H)` to the output and the next state, which are the same."""
        y, h_n = F.indrnn(x_t.unsqueeze(0), self.clamped_weight(), h, activation=self.activation)
        return y.squeeze(0), h_n

    def extra_repr(self) -> str:
        return f"{self.hidden_size}, activation={self.activation!r}, batch_first={self.batch_first}, bound={self.bound}"


class IndRNN(RecurrentStack):
    r"""A stack of IndRNN layers, each a projection and the recurrence, with the words and shapes of `torch.nn.RNN`:

    .. math:: h^l_t = \sigma(W^l x^l_t + b^l + u^l \odot h^l_{t-1}),\quad x^{l+1} = \mathrm{dropout}(h^l)

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in `torch.nn.RNN`; dropout
            acts between layers. There is one bias a layer, that of the projection.
        activation, bound: as in :class:`IndRNNRecurrence`; with a bound above 1 the last layer begins with a long
            memory. The activation is what `torch.nn.RNN` calls `nonlinearity`.

    Shape: `forward(x, h0=None, *, lengths=None, resets=None)` with x `(T, B, input_size)`, or `(T, input_size)` without
    a batch, or a `PackedSequence`, and h0 `(num_layers * directions, B, hidden_size)` gives `(output, h_n)`: the last
    layer's states, `directions * hidden_size` wide and in the form of x, and the last state of every layer, in the
    shape of h0. `lengths` and `resets` are those of :func:`indrnn_cupy.functional.indrnn`.

    Attributes:
        projections: the `torch.nn.Linear` of each layer and direction.
        recurrences: the :class:`IndRNNRecurrence` of each layer and direction.

    References: Li et al., CVPR 2018, arXiv 1803.04831; Li et al., "Deep Independently Recurrent Neural Network",
    arXiv 1910.06251, for the initial values.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        activation: str = "relu",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        bound: float | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        def make_recurrence(last: bool) -> IndRNNRecurrence:
            long_memory = last and above_one(bound)
            return IndRNNRecurrence(
                hidden_size, activation, batch_first, bound, long_memory, device=device, dtype=dtype
            )

        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            make_recurrence,
            device,
            dtype,
        )
