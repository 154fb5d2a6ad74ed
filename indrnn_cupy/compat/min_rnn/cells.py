"""The cells: NumPy in and out, the recurrence by this package's kernels."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch

from ... import functional as F

Array = np.ndarray[Any, np.dtype[Any]]


class LinearLayer:
    """`weights` (out, in) and `bias` (out,), from N(0, sqrt(2 / (in + out))) and 0."""

    def __init__(self, input_size: int, output_size: int) -> None:
        spread = (2 / (input_size + output_size)) ** 0.5
        self.weights: Array = np.random.normal(0, spread, (output_size, input_size))
        self.bias: Array = np.zeros(output_size)

    def forward(self, x: Array) -> Array:
        return x @ self.weights.T + self.bias


class MinCell:
    """What the four cells share. New code has :class:`indrnn_cupy.MinGRU`, with batches and gradients."""

    gates: ClassVar[tuple[str, ...]]
    function: ClassVar[Callable[..., Any]]
    dtype: ClassVar[torch.dtype] = torch.float64
    device: ClassVar[str] = "cpu"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        self.input_size, self.hidden_size = input_size, hidden_size
        for gate in self.gates:
            setattr(self, f"linear_{gate}", LinearLayer(input_size, hidden_size))

    def forward(self, x_t: Array, h_prev: Array) -> Array:
        """One step: x_t (C,) and the state (H,) to the next state."""
        return self.process_sequence(np.asarray(x_t)[None], h_prev)[0]

    def process_sequence(self, x: Array, h0: Array, seq_length: int | None = None) -> Array:
        """Every state, (T, H), of x (T, C)."""
        x, h0 = np.asarray(x)[:seq_length], np.asarray(h0)
        if x.ndim != 2 or x.shape[1] != self.input_size or h0.shape != (self.hidden_size,):
            expected = f"(T, {self.input_size}) and ({self.hidden_size},)"
            raise ValueError(f"x has shape {x.shape} and h0 {h0.shape}, expected {expected}")
        projected = np.concatenate([getattr(self, f"linear_{gate}").forward(x) for gate in self.gates], -1)
        y, _ = type(self).function(self._tensor(projected).unsqueeze(1), self._tensor(h0).unsqueeze(0))
        return y.squeeze(1).cpu().numpy()

    process_sequence_parallel = process_sequence

    def _tensor(self, array: Array) -> torch.Tensor:
        return torch.as_tensor(array).to(self.device, self.dtype)


class MinGRUCell(MinCell):
    """h = (1 - z) h + z c, z = sigmoid(linear_z(x)), c = linear_h(x)."""

    gates = ("z", "h")
    function = staticmethod(F.mingru)


class MinLSTMCell(MinCell):
    """h = (f h + i c) / (f + i), with sigmoids f and i of linear_f(x) and linear_i(x), c = linear_h(x)."""

    gates = ("f", "i", "h")
    function = staticmethod(F.minlstm)


class MinGRUCellCUDA(MinGRUCell):
    """The same in float32, on a GPU if there is one."""

    dtype = torch.float32
    device = "cuda" if torch.cuda.is_available() else "cpu"


class MinLSTMCellCUDA(MinLSTMCell):
    """The same in float32, on a GPU if there is one."""

    dtype = torch.float32
    device = MinGRUCellCUDA.device
