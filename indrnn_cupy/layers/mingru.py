"""minGRU and minLSTM layers and cells, also with the weights of other packages."""

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from .gated import GatedRecurrence, MinGRURecurrence, MinLSTMRecurrence
from .stack import RecurrentStack


class MinGRU(RecurrentStack[Tensor]):
    r"""A stack of minGRU layers, each one matrix product for gate and candidate, followed by the recurrence:

    .. math:: (k, c) = W x_t + b,\quad z = \mathrm{sigmoid}(k),\quad h_t = (1 - z) \odot h_{t-1} + z \odot \phi(c)

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in `torch.nn.GRU`.
        activation, learned_h0, forget_bias, longest_memory: as in :class:`MinGRURecurrence`.

    Shape: `forward(x, state=None, *, lengths=None, resets=None)`, with x `(T, B, input_size)`, `(T, input_size)` if
    unbatched, or a `PackedSequence`, and the state h0 `(num_layers * directions, B, hidden_size)`, returns
    `(output, h_n)`: the states of the last layer, `directions * hidden_size` wide, and the last state of every layer.
    `step(x_t, state)` runs one step of a stream.

    Attributes:
        projections, recurrences: the `torch.nn.Linear` and the :class:`MinGRURecurrence` of each layer and direction.

    Reference: Feng et al., "Were RNNs All We Needed?", 2024, arXiv 2410.01201.
    """

    recurrence: ClassVar[type[GatedRecurrence]] = MinGRURecurrence
    foreign: ClassVar[tuple[str, str, tuple[str, ...]]] = ("to_hidden_and_gate", "hz", ("z", "h"))

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        activation: str = "identity",
        learned_h0: bool = False,
        forget_bias: float = 0.0,
        longest_memory: float | None = None,
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
            self.recurrence,
            activation=activation,
            learned_h0=learned_h0,
            forget_bias=forget_bias,
            longest_memory=longest_memory,
        )

    @classmethod
    def from_weights(cls, weights: Mapping[str, Any], batch_first: bool = False, learned_h0: bool = False) -> "MinGRU":
        """Creates one layer with the weights of another package, which is recognised by their names.

        Args:
            weights: a `state_dict()` of minGRU-pytorch (`to_hidden_and_gate.weight`, `to_hidden_and_f_i_gate.weight`),
                whose activation is "g", or tensors or arrays with the names of the NumPy cells (`linear_z.weights`,
                `linear_z.bias`, `linear_h.weights`, ...), whose activation is "identity". One with `to_out.weight` is
                for the modules of :mod:`indrnn_cupy.compat.minGRU_pytorch`.
            batch_first, learned_h0: arguments of the layer.

        Raises ValueError if names or shapes do not match.
        """
        found = {name: torch.as_tensor(value) for name, value in weights.items()}
        joined, order, gates = cls.foreign
        numpy_cell = [f"linear_{gate}.{end}" for end in ("weights", "bias") for gate in gates]
        if "to_out.weight" in found:
            name = cls.__name__[0].lower() + cls.__name__[1:]
            raise ValueError(
                "to_out.weight is a projection after the recurrence, which this layer does not have; use "
                f"indrnn_cupy.compat.minGRU_pytorch.{name}.from_weights"
            )
        if found.keys() == {f"{joined}.weight"}:
            activation, biases = "g", []
            parts = dict(zip(order, found[f"{joined}.weight"].chunk(len(order)), strict=False))
        elif found.keys() == set(numpy_cell):
            activation, biases = "identity", [found[f"linear_{gate}.bias"] for gate in gates]
            parts = {gate: found[f"linear_{gate}.weights"] for gate in gates}
        else:
            expected = f"{joined}.weight only, or {', '.join(numpy_cell)}"
            raise ValueError(f"the weights are {', '.join(found) or 'none'}; expected {expected}")
        shape = next(iter(parts.values())).shape
        fits = len(shape) == 2 and all(part.shape == shape and part.is_floating_point() for part in parts.values())
        if len(parts) != len(gates) or not fits or any(b.shape != shape[:1] for b in biases):
            shapes = ", ".join(f"{name} {tuple(tensor.shape)}" for name, tensor in found.items())
            raise ValueError(
                f"the weights are {shapes}, expected floating-point matrices of the same shape for all gates"
            )
        weight = torch.cat([parts[gate] for gate in gates])
        network = cls(
            shape[1],
            shape[0],
            bias=bool(biases),
            batch_first=batch_first,
            activation=activation,
            learned_h0=learned_h0,
            dtype=weight.dtype,
        )
        network.projections[0].load_state_dict({"weight": weight} | ({"bias": torch.cat(biases)} if biases else {}))
        return network


class MinLSTM(MinGRU):
    r"""A stack of minLSTM layers, each one matrix product for gates and candidate, followed by the recurrence:

    .. math::
        (p, q, c) = W x_t + b,\quad f = \mathrm{sigmoid}(p),\quad i = \mathrm{sigmoid}(q),\quad
        h_t = \frac{f \odot h_{t-1} + i \odot \phi(c)}{f + i}

    Arguments, shape, attributes and reference: as in :class:`MinGRU`.
    """

    recurrence = MinLSTMRecurrence
    foreign = ("to_hidden_and_f_i_gate", "hfi", ("f", "i", "h"))


class MinGRUCell(nn.Module):
    """One step of :class:`MinGRU`, with the arguments of `torch.nn.GRUCell`: `forward(x_t, h=None)` returns the next h.

    Args:
        input_size, hidden_size, bias, activation: as in :class:`MinGRU`, whose method `step` does the same.

    Shape: x_t `(B, input_size)` and h `(B, hidden_size)` to `(B, hidden_size)`, or all of them without B.
    """

    recurrence_class: ClassVar[type[GatedRecurrence]] = MinGRURecurrence

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        activation: str = "identity",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.recurrence = self.recurrence_class(hidden_size, activation)
        self.projection = nn.Linear(input_size, self.recurrence.gates * hidden_size, bias, device, dtype)

    def reset_parameters(self) -> None:
        self.projection.reset_parameters()

    def forward(self, x_t: Tensor, h: Tensor | None = None) -> Tensor:
        if x_t.dim() not in (1, 2) or (h is not None and h.dim() != x_t.dim()):
            state = "none" if h is None else tuple(h.shape)
            raise ValueError(
                f"x_t has shape {tuple(x_t.shape)} and h {state}, expected (B, features), or both without B"
            )
        if x_t.dim() == 1:
            return self(x_t.unsqueeze(0), None if h is None else h.unsqueeze(0)).squeeze(0)
        return self.recurrence.step(self.projection(x_t), h)[0]


class MinLSTMCell(MinGRUCell):
    """One step of :class:`MinLSTM`; arguments and shape: as in :class:`MinGRUCell`."""

    recurrence_class = MinLSTMRecurrence
