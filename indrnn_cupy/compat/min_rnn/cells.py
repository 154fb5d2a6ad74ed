"""The cells: NumPy in and out, the recurrence with this package's kernels."""

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch

from ... import functional as F
from .cuda_utils import CUDA_AVAILABLE
from .utils import Array, LinearLayer, sigmoid


class MinCell:
    """The base class of the cells. New code should use :class:`indrnn_cupy.MinGRU`, with batches and gradients."""

    gates: ClassVar[tuple[str, ...]]
    function: ClassVar[Callable[..., Any]]
    dtype: ClassVar[torch.dtype] = torch.float64
    device: ClassVar[str] = "cpu"
    activation = "identity"

    def __init__(self, input_size: int, hidden_size: int) -> None:
        self.input_size, self.hidden_size = input_size, hidden_size
        for gate in self.gates:
            setattr(self, f"linear_{gate}", LinearLayer(input_size, hidden_size))

    def forward(self, x_t: Array, h_prev: Array) -> Array:
        """One step: x_t (C,) and the state (H,) to the next state."""
        return self.process_sequence(np.asarray(x_t)[None], h_prev)[0]

    def process_sequence(self, x: Array, h0: Array, seq_length: int | None = None) -> Array:
        """The state at every step, (T, H), for x (T, C)."""
        x, h0 = np.asarray(x), np.asarray(h0)
        if seq_length is not None and not 0 <= seq_length <= len(x):
            raise ValueError(f"seq_length is {seq_length}, expected 0 to {len(x)}, the steps of x")
        x = x[:seq_length]
        if x.ndim != 2 or x.shape[1] != self.input_size or h0.shape != (self.hidden_size,):
            expected = f"(T, {self.input_size}) and ({self.hidden_size},)"
            raise ValueError(f"x has shape {x.shape} and h0 {h0.shape}, expected {expected}")
        projected = self._tensor(np.concatenate(self._project(x), -1)).unsqueeze(1)
        y, _ = type(self).function(projected, self._tensor(h0).unsqueeze(0), activation=self.activation)
        return y.squeeze(1).cpu().numpy()

    def process_sequence_parallel(self, x: Array, h0: Array, seq_length: int | None = None) -> Array:
        """The same: the kernel decides whether to split time into chunks."""
        return self.process_sequence(x, h0, seq_length)

    def extract_scan_params(self, x: Array, seq_length: int | None = None) -> tuple[Array, Array]:
        """a and b, (T, H) each, such that h_t = a_t h_{t-1} + b_t."""
        *gates, candidate = self._project(np.asarray(x)[:seq_length])
        if self.activation == "tanh":
            candidate = np.tanh(candidate)
        taken = gates[0] if len(gates) == 1 else np.logaddexp(0, -gates[0]) - np.logaddexp(0, -gates[1])
        keep, take = sigmoid(-taken), sigmoid(taken)  # with two gates, f / (f + i) and i / (f + i)
        return keep.astype(self._numpy_type()), (take * candidate).astype(self._numpy_type())

    def _project(self, x: Array) -> list[Array]:
        return [getattr(self, f"linear_{gate}").forward(x) for gate in self.gates]

    def _numpy_type(self) -> type:
        return np.float32 if self.dtype is torch.float32 else np.float64

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


class CudaCell(MinCell):
    """In float32, on a GPU if there is one.

    With `activation="tanh"` the candidate c is tanh(linear_h(x)), as in the CUDA cells of CUDA_RNN; by default it is
    linear_h(x), as in its documentation and its CPU cells.
    """

    dtype = torch.float32
    device = "cuda" if CUDA_AVAILABLE else "cpu"

    def __init__(self, input_size: int, hidden_size: int, activation: str = "identity") -> None:
        super().__init__(input_size, hidden_size)
        if activation not in ("identity", "tanh"):
            raise ValueError(f"activation is {activation!r}, expected 'identity' or 'tanh'")
        self.activation = activation
        self.cuda_available = CUDA_AVAILABLE

    def process_sequence(self, x_seq: Array, h_0: Array | None = None, seq_length: int | None = None) -> Array:
        """The state at every step, (T, H), for x_seq (T, C); h_0 defaults to 0."""
        return super().process_sequence(x_seq, np.zeros(self.hidden_size) if h_0 is None else h_0, seq_length)


class MinGRUCellCUDA(CudaCell, MinGRUCell):
    __doc__ = f"{MinGRUCell.__doc__}\n\n{CudaCell.__doc__}"


class MinLSTMCellCUDA(CudaCell, MinLSTMCell):
    __doc__ = f"{MinLSTMCell.__doc__}\n\n{CudaCell.__doc__}"
