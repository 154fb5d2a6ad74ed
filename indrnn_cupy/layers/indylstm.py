"""IndyLSTM and IndyGRU layers, and their recurrences."""

import torch
from torch import Tensor, nn

from ..functional.indylstm import indygru_call, indylstm_call
from ..functional.run import Call
from .bounds import MemoryRecurrence
from .stack import RecurrentLayers


class IndyLSTMRecurrence(MemoryRecurrence[tuple[Tensor, Tensor]]):
    r"""The recurrence of an IndyLSTM; see :func:`indrnn_cupy.functional.indylstm`.

    Args:
        hidden_size: H, the number of units.
        peephole: let the gates see the cell state.
        batch_first: sequences are `(B, T, 4 H)` instead of `(T, B, 4 H)`.
        longest_memory: as in :class:`SRURecurrence`.

    Shape: `forward(x, state=None, *, lengths=None, resets=None, reverse=False)`, with x `(T, B, 4 H)` and the state
    (h0, c0), `(B, H)` each, returns `(y, (h_n, c_n))`. `step(x_t, state)` runs one step of a stream.

    Attributes:
        u: the recurrent weights, `(4, H)`, initialised from U(-1, 1).
        peepholes: `(3, H)`, initialised to 0, or None.

    Reference: Gonnet and Deselaers, 2019, arXiv 1903.08023.
    """

    gates = 4
    keeping = 1
    state_names = ("h0", "c0")

    def __init__(
        self,
        hidden_size: int,
        peephole: bool = False,
        batch_first: bool = False,
        longest_memory: float | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(hidden_size, None, batch_first, longest_memory)
        self.u = nn.Parameter(torch.empty(4, hidden_size, device=device, dtype=dtype))
        self.peepholes: nn.Parameter | None = None
        if peephole:
            self.peepholes = nn.Parameter(torch.empty(3, hidden_size, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.u, -1, 1)
        if self.peepholes is not None:
            nn.init.zeros_(self.peepholes)

    def call(self, x: Tensor, state: tuple[Tensor, Tensor] | None) -> Call:
        h0, c0 = self.states(state)
        return indylstm_call(x, self.u, self.peepholes, (h0, c0), batch_first=self.batch_first)


class IndyLSTM(RecurrentLayers[tuple[Tensor, Tensor]]):
    """A stack of IndyLSTM layers, with the arguments and shapes of `torch.nn.LSTM`, which has full recurrent matrices.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in `torch.nn.LSTM`. Each
            layer has one bias, that of the projection.
        peephole, longest_memory: as in :class:`IndyLSTMRecurrence`.

    Attributes:
        projections, recurrences: the `torch.nn.Linear` and the :class:`IndyLSTMRecurrence` of each layer and direction.

    Reference: Gonnet and Deselaers, 2019, arXiv 1903.08023.
    """

    kind = IndyLSTMRecurrence


class IndyGRURecurrence(MemoryRecurrence[Tensor]):
    r"""The recurrence of an IndyGRU; see :func:`indrnn_cupy.functional.indygru`.

    Arguments and shape: as in :class:`IndyLSTMRecurrence`, with 3 H in place of 4 H, the state h0, and no peepholes.

    Attributes:
        u: the recurrent weights, `(3, H)`, initialised from U(-1, 1).
        bias: `(H,)`, initialised to 0.

    Reference: Gonnet and Deselaers, 2019, arXiv 1903.08023.
    """

    gates = 3
    keeping = 1

    def __init__(
        self,
        hidden_size: int,
        batch_first: bool = False,
        longest_memory: float | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(hidden_size, None, batch_first, longest_memory)
        self.u = nn.Parameter(torch.empty(3, hidden_size, device=device, dtype=dtype))
        self.bias = nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.u, -1, 1)
        nn.init.zeros_(self.bias)

    def call(self, x: Tensor, state: Tensor | None) -> Call:
        return indygru_call(x, self.u, self.bias, *self.states(state))


class IndyGRU(RecurrentLayers[Tensor]):
    """A stack of IndyGRU layers, with the arguments and shapes of `torch.nn.GRU`, which has full recurrent matrices.

    Arguments and attributes: as in :class:`IndyLSTM`, without peepholes.

    Reference: Gonnet and Deselaers, 2019, arXiv 1903.08023.
    """

    kind = IndyGRURecurrence
