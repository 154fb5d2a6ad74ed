"""EGRU layers."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .egru_recurrence import EGRURecurrence, Sequences, State
from .stack import RecurrentStack


class EGRU(RecurrentStack[State]):
    """A stack of EGRU layers, with the argument names of EvNN and the shapes of `torch.nn.GRU`.

    Each layer is a projection and the recurrence.

    Args:
        input_size, hidden_size, num_layers, batch_first, bidirectional: as in `torch.nn.GRU`; there is always a bias.
        dropout: probability of DropConnect, which zeroes recurrent weights for a whole sequence in training. There is
            no dropout between layers.
        zoneout, dampening_factor, pseudo_derivative_support, thr_mean: as in :class:`EGRURecurrence`.
        weight_initialization_gain, reset_mode, longest_memory: as in :class:`EGRURecurrence`.
        use_output_trace, form: as in :class:`EGRURecurrence`.

    Shape: `forward(x, state=None, *, lengths=None, resets=None)`, with x `(T, B, input_size)`, `(T, input_size)` if
    unbatched, or a `PackedSequence`, returns `(y, (h, o, trace), state)`: the sequences of the last layer, as in
    :class:`EGRURecurrence`, `directions * hidden_size` wide and in the form of x; and the last event, cell and trace of
    every layer, `(num_layers * directions, B, hidden_size)` each. A run continued from them is exact in float32 and
    float64. `step(x_t, state)` returns `(y_t, state)` for one step of a stream.

    A checkpoint of EvNN's EGRU, which has one layer, can be loaded directly.

    Attributes:
        projections, recurrences: the `torch.nn.Linear` and the :class:`EGRURecurrence` of each layer and direction.

    Reference: Subramoney et al., "Efficient recurrent architectures through activity sparsity and sparse
    back-propagation through time", ICLR 2023, arXiv 2206.06178.
    """

    if TYPE_CHECKING:

        def __call__(self, *arguments: Any, **options: Any) -> tuple[Tensor, Sequences, State]: ...  # type: ignore[override]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        batch_first: bool = False,
        dropout: float = 0.0,
        zoneout: float = 0.0,
        dampening_factor: float = 0.7,
        pseudo_derivative_support: float = 1.0,
        thr_mean: float = 0.3,
        weight_initialization_gain: float = 1.0,
        bidirectional: bool = False,
        reset_mode: str = "subtract_threshold",
        longest_memory: float | None = None,
        use_output_trace: bool = False,
        form: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(
            input_size,
            hidden_size,
            num_layers,
            True,
            batch_first,
            0.0,
            bidirectional,
            device,
            dtype,
            EGRURecurrence,
            drop_connect=dropout,
            zoneout=zoneout,
            dampening_factor=dampening_factor,
            pseudo_derivative_support=pseudo_derivative_support,
            thr_mean=thr_mean,
            weight_initialization_gain=weight_initialization_gain,
            reset_mode=reset_mode,
            longest_memory=longest_memory,
            use_output_trace=use_output_trace,
            form=form,
        )
        self.register_load_state_dict_pre_hook(_from_evnn)


def _from_evnn(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Renames the tensors of an EvNN checkpoint to the names used here."""
    if f"{prefix}kernel" not in state:
        return
    state.pop(f"{prefix}_max_norm", None)
    state[f"{prefix}projections.0.weight"] = state.pop(f"{prefix}kernel").t()
    if f"{prefix}bias" in state:
        state[f"{prefix}projections.0.bias"] = state.pop(f"{prefix}bias")
    for name in ("recurrent_kernel", "recurrent_bias", "thr", "dampening_factor", "pseudo_derivative_support"):
        if f"{prefix}{name}" in state:
            state[f"{prefix}recurrences.0.{name}"] = state.pop(f"{prefix}{name}")
