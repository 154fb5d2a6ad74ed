"""IndRNN layers."""

import torch
from torch import Tensor

from ..functional.indrnn import indrnn_call
from ..functional.run import Call
from .bounds import BoundedRecurrence
from .stack import RecurrentStack


class IndRNNRecurrence(BoundedRecurrence[Tensor]):
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
    `(y, h_n)`: y like x, h_n `(B, H)`; the keywords are those of the function. `step(x_t, h)` is one step of a stream.

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
        super().__init__(hidden_size, activation, batch_first, bound, long_memory, clamp, device, dtype)
        self.reset_parameters()

    def call(self, x: Tensor, state: Tensor | None) -> Call:
        return indrnn_call(x, self.clamped_weight(), state, self.activation)


class IndRNN(RecurrentStack[Tensor]):
    r"""A stack of IndRNN layers, each a projection and the recurrence, with the words and shapes of `torch.nn.RNN`:

    .. math:: h^l_t = \sigma(W^l x^l_t + b^l + u^l \odot h^l_{t-1}),\quad x^{l+1} = \mathrm{dropout}(h^l)

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in `torch.nn.RNN`; dropout
            acts between layers. There is one bias a layer, that of the projection.
        activation, bound: as in :class:`IndRNNRecurrence`; with a bound above 1 the last layer starts with a long
            memory.
        nonlinearity: the name that `torch.nn.RNN` has for `activation`; it takes precedence.

    Shape: `forward(x, state=None, *, lengths=None, resets=None)` with x `(T, B, input_size)`, or `(T, input_size)`
    without a batch, or a `PackedSequence`, and the state h0 `(num_layers * directions, B, hidden_size)` gives
    `(output, h_n)`: the last layer's states, `directions * hidden_size` wide and in the form of x, and the last state
    of every layer, in the shape of h0. `lengths` and `resets` are those of :func:`indrnn_cupy.functional.indrnn`.

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
        nonlinearity: str | None = None,
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
            IndRNNRecurrence,
            activation=nonlinearity or activation,
            bound=bound,
        )
