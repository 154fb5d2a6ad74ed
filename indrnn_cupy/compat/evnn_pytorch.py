"""`evnn_pytorch` of github.com/Efficient-Scalable-Machine-Learning/EvNN."""

from typing import Any

from torch import Tensor

from .. import layers


class EGRU(layers.EGRU):
    """One layer, with EvNN's arguments: gives `(y, (h, o, trace))`, and takes the last event alone, `(1, B, H)`.

    `use_custom_cuda` says nothing here, as a kernel runs where its tensors are, nor does `return_state_sequence`, as
    there. `lengths` are honoured. For `grad_clip`, which acts within backward there, call
    `torch.nn.utils.clip_grad_norm_` after it.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        batch_first: bool = False,
        dropout: float = 0.0,
        zoneout: float = 0.0,
        dampening_factor: float = 0.7,
        pseudo_derivative_support: float = 1.0,
        thr_mean: float = 0.3,
        weight_initialization_gain: float = 1.0,
        return_state_sequence: bool = False,
        grad_clip: float | None = None,
        use_custom_cuda: bool = True,
    ) -> None:
        if grad_clip:
            raise ValueError(f"grad_clip is {grad_clip}; call torch.nn.utils.clip_grad_norm_ after backward instead")
        super().__init__(
            input_size,
            hidden_size,
            batch_first=batch_first,
            dropout=dropout,
            zoneout=zoneout,
            dampening_factor=dampening_factor,
            pseudo_derivative_support=pseudo_derivative_support,
            thr_mean=thr_mean,
            weight_initialization_gain=weight_initialization_gain,
        )

    @property
    def kernel(self) -> Tensor:
        """`(input_size, 3 * hidden_size)`, as there."""
        (projection,) = self.projections
        return projection.weight.t()  # type: ignore[operator]

    @property
    def recurrent_kernel(self) -> Tensor:
        return self._recurrence().recurrent_kernel

    @property
    def thr(self) -> Tensor:
        return self._recurrence().thr

    def _recurrence(self) -> layers.EGRURecurrence:
        (recurrence,) = self.recurrences
        assert isinstance(recurrence, layers.EGRURecurrence)
        return recurrence

    def forward(self, input: Tensor, state: Tensor | None = None, lengths: Tensor | None = None) -> tuple[Any, ...]:  # type: ignore[override]
        whole = None if state is None else (state, *(state.new_zeros(state.shape) for _ in range(2)))
        y, others, _ = super().forward(input, whole, lengths=lengths)
        return y, others
