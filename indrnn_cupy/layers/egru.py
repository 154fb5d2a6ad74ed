"""EGRU layers."""

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .egru_recurrence import EGRURecurrence, Sequences, State
from .stack import RecurrentStack


class EGRU(RecurrentStack[State]):
    """A stack of EGRU layers, each a projection and the recurrence, with the shapes of `torch.nn.GRU` and EvNN's words.

    Args:
        input_size, hidden_size, num_layers, batch_first, bidirectional: as in `torch.nn.GRU`; there is always a bias.
        dropout: DropConnect: probability with which a recurrent weight is left out in training, for a whole sequence.
            There is no dropout between layers.
        zoneout, dampening_factor, pseudo_derivative_support, thr_mean, weight_initialization_gain, reset_mode,
            longest_memory, use_output_trace, form: as in :class:`EGRURecurrence`.

    Shape: `forward(x, state=None, *, lengths=None, resets=None)` with x `(T, B, input_size)`, or `(T, input_size)`
    without a batch, or a `PackedSequence`, gives `(y, (h, o, trace), state)`: the sequences of the last layer, as in
    :class:`EGRURecurrence`, `directions * hidden_size` wide and in the form of x; and the last event, cell and trace of
    every layer, `(num_layers * directions, B, hidden_size)` each, from which a run goes on exactly in float32 and
    float64. `step(x_t, state)` gives `(y_t, state)`, one step of a stream.

    A checkpoint of EvNN's EGRU, one layer, loads as it is.

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
    """Gives the tensors of an EvNN checkpoint the names that they have here."""
    if f"{prefix}kernel" not in state:
        return
    state.pop(f"{prefix}_max_norm", None)
    state[f"{prefix}projections.0.weight"] = state.pop(f"{prefix}kernel").t()
    if f"{prefix}bias" in state:
        state[f"{prefix}projections.0.bias"] = state.pop(f"{prefix}bias")
    for name in ("recurrent_kernel", "recurrent_bias", "thr", "dampening_factor", "pseudo_derivative_support"):
        if f"{prefix}{name}" in state:
            state[f"{prefix}recurrences.0.{name}"] = state.pop(f"{prefix}{name}")
