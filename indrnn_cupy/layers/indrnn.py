"""IndRNN layers."""

import torch
from torch import Tensor

from ..functional.indrnn import indrnn_call
from ..functional.run import Call
from .bounds import BoundedRecurrence
from .stack import RecurrentStack


class IndRNNRecurrence(BoundedRecurrence[Tensor]):
    r"""The recurrence of IndRNN, an activation function with memory: :math:`h_t = \sigma(x_t + u \odot h_{t-1})`.

    It can take the place of a ReLU in a network; see :func:`indrnn_cupy.functional.indrnn`.

    Args:
        hidden_size: H, the number of units.
        activation: "relu", "tanh", "sigmoid", "hardtanh" or "identity".
        batch_first: sequences are `(B, T, H)` instead of `(T, B, H)`.
        bound: the largest :math:`|u|`, or None. For a ReLU over T steps, `magnitude ** (1 / T)` keeps the memory of a
            unit from growing by more than `magnitude`, usually 2 to 5. u is initialised from U(0, bound), or U(0, 1)
            without a bound. The bound is enforced by :func:`clamp_recurrent_` after each optimizer step, by `clamp`, or
            softly by adding :func:`recurrent_penalty` to the loss.
        long_memory: initialise u from U(1 / bound, bound) rather than U(0, bound), as in the last layer of a network
            whose last step is read out. Requires a bound.
        clamp: compute with u clamped to [-bound, bound]. A weight that an optimizer step moves beyond the bound then
            gets no gradient.

    Shape: `forward(x, h0=None, *, lengths=None, resets=None, reverse=False)`, with x `(T, B, H)` and h0 `(B, H)`,
    returns `(y, h_n)`: y like x, h_n `(B, H)`; the keyword arguments are as in the function. `step(x_t, h)` runs one
    step of a stream.

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
    r"""A stack of IndRNN layers, each a projection and the recurrence, with the arguments and shapes of `torch.nn.RNN`:

    .. math:: h^l_t = \sigma(W^l x^l_t + b^l + u^l \odot h^l_{t-1}),\quad x^{l+1} = \mathrm{dropout}(h^l)

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in `torch.nn.RNN`; dropout
            acts between layers. Each layer has one bias, that of the projection.
        activation, bound: as in :class:`IndRNNRecurrence`; with a bound above 1, the last layer is initialised with a
            long memory.
        nonlinearity: the name of `activation` in `torch.nn.RNN`; it takes precedence.

    Shape: `forward(x, state=None, *, lengths=None, resets=None)`, with x `(T, B, input_size)`, `(T, input_size)` if
    unbatched, or a `PackedSequence`, and the state h0 `(num_layers * directions, B, hidden_size)`, returns
    `(output, h_n)`: the states of the last layer, `directions * hidden_size` wide and in the form of x, and the last
    state of every layer, in the shape of h0. `lengths` and `resets` are as in :func:`indrnn_cupy.functional.indrnn`.

    Attributes:
        projections: the `torch.nn.Linear` of each layer and direction.
        recurrences: the :class:`IndRNNRecurrence` of each layer and direction.

    References: Li et al., CVPR 2018, arXiv 1803.04831; Li et al., "Deep Independently Recurrent Neural Network",
    arXiv 1910.06251, for the initialisation.
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
