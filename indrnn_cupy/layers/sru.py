"""SRU and QRNN layers, and their recurrences."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..functional.run import Call
from ..functional.sru import qrnn_call, sru_call
from .bounds import MemoryRecurrence
from .stack import RecurrentLayers


class SRURecurrence(MemoryRecurrence[Tensor]):
    r"""The recurrence of SRU, whose gates see the unit's own state; see :func:`indrnn_cupy.functional.sru`.

    Args:
        hidden_size: H, the number of units.
        activation: phi of the state, "identity", "tanh", ...
        batch_first: sequences are `(B, T, 4 H)` instead of `(T, B, 4 H)`.
        longest_memory: initial memories, set by the biases of the forget gates in the preceding projection, distributed
            log-uniformly from 1 to this number of steps.

    Shape: `forward(x, c0=None, *, lengths=None, resets=None, reverse=False)`, with x `(T, B, 4 H)`, the inputs side by
    side, and c0 `(B, H)`, returns `(y, c_n)`, `(T, B, H)` and `(B, H)`. `step(x_t, c)` runs one step of a stream.

    Attributes:
        v: the weights from the state to the gates, `(2, H)`, initialised to 0.

    Reference: Lei et al., EMNLP 2018, arXiv 1709.02755.
    """

    gates = 4
    keeping = 1
    state_names = ("c0",)

    def __init__(
        self,
        hidden_size: int,
        activation: str = "identity",
        batch_first: bool = False,
        longest_memory: float | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(hidden_size, activation, batch_first, longest_memory)
        self.v = nn.Parameter(torch.zeros(2, hidden_size, device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        nn.init.zeros_(self.v)

    def call(self, x: Tensor, state: Tensor | None) -> Call:
        (c0,) = self.states(state)
        return sru_call(x, self.v, c0, skip=True, activation=self.activation)


class SRU(RecurrentLayers[Tensor]):
    """A stack of SRU layers, each one matrix product for state, gates and skip, followed by the recurrence.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in `torch.nn.RNN`.
        activation, longest_memory: as in :class:`SRURecurrence`.

    Shape: as in :class:`MinGRU`, with the state c0.

    Attributes:
        projections, recurrences: the `torch.nn.Linear` and the :class:`SRURecurrence` of each layer and direction.

    Reference: Lei et al., EMNLP 2018, arXiv 1709.02755.
    """

    kind = SRURecurrence

    @classmethod
    def from_weights(cls, weights: Mapping[str, Tensor], **options: Any) -> "SRU":
        """Creates the layers of a `state_dict()` of a unidirectional `sru.SRU` without projections or rescaling.

        If it has no weights for the skip, because the input is as wide as the layer, the skip is the identity here.
        `options`: activation ("identity" for `use_tanh=False`, else "tanh"), batch_first, dropout, ...

        Raises ValueError if names or shapes do not match.
        """
        layers, names = len(weights) // 4, ("weight", "weight_c", "bias", "scale_x")
        expected = [f"rnn_lst.{layer}.{name}" for layer in range(layers) for name in names]
        if not weights or sorted(weights) != sorted(expected):
            raise ValueError(f"the weights are {', '.join(weights) or 'none'}; expected {', '.join(names)} of sru.SRU")
        state: dict[str, Tensor] = {}
        for layer in range(layers):
            weight, v, bias, scale = (weights[f"rnn_lst.{layer}.{name}"] for name in names)
            H, zeros = len(bias) // 2, bias.new_zeros(len(bias) // 2)
            width = len(state["projections.0.weight"]) // 4 if layer else H
            if weight.dim() != 2 or weight.shape[1] not in (4 * H, 3 * H) or v.shape != (2 * H,) or width != H:
                shapes = ", ".join(
                    f"{name} {tuple(t.shape)}" for name, t in zip(names, (weight, v, bias), strict=False)
                )
                raise ValueError(f"layer {layer} has {shapes}, expected those of a unidirectional sru.SRU")
            if not torch.equal(scale, torch.ones_like(scale)):
                raise ValueError(
                    f"layer {layer} rescales its input by {scale.tolist()}, which SRU here does not support"
                )
            matrices = list(weight.view(len(weight), H, -1).permute(2, 1, 0))
            matrices += [torch.eye(H, dtype=weight.dtype)] if len(matrices) == 3 else []
            if {m.shape for m in matrices} != {(H, len(weight))}:
                raise ValueError(f"layer {layer} has no weights for the skip, but {len(weight)} inputs for {H} units")
            state[f"projections.{layer}.weight"] = torch.cat(matrices)
            state[f"projections.{layer}.bias"] = torch.cat((zeros, bias, zeros))
            state[f"recurrences.{layer}.v"] = v.view(2, H)
        first = weights["rnn_lst.0.weight"]
        made = cls(len(first), H, layers, dtype=first.dtype, **options)
        made.load_state_dict(state)
        return made


class QRNNRecurrence(MemoryRecurrence[Tensor]):
    """The fo-pooling of QRNN; see :func:`indrnn_cupy.functional.qrnn`, also for the other poolings.

    Arguments and shape: as in :class:`SRURecurrence`, with 3 H in place of 4 H, and without an activation.

    Reference: Bradbury et al., ICLR 2017, arXiv 1611.01576.
    """

    gates = 3
    keeping = 1
    state_names = ("c0",)

    def __init__(
        self,
        hidden_size: int,
        batch_first: bool = False,
        longest_memory: float | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(hidden_size, None, batch_first, longest_memory)

    def call(self, x: Tensor, state: Tensor | None) -> Call:
        (c0,) = self.states(state)
        return qrnn_call(x, c0, pooling="fo")


class QRNN(RecurrentLayers[Tensor]):
    """A stack of QRNN layers with a window of 1: each a projection of one step and the fo-pooling.

    For a wider window, use a causal `torch.nn.Conv1d` in place of the projection, followed by :class:`QRNNRecurrence`.
    Arguments, shape and attributes: as in :class:`SRU`.

    Reference: Bradbury et al., ICLR 2017, arXiv 1611.01576.
    """

    kind = QRNNRecurrence
