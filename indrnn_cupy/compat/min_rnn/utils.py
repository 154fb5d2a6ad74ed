"""The building blocks of CUDA_RNN's cells, on NumPy arrays."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)), without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(np.asarray(x) >= 0, 1, small) / (1 + small)


class LinearLayer:
    """`weights` (out, in) and `bias` (out,), from N(0, sqrt(2 / (in + out))) and 0."""

    def __init__(self, input_size: int, output_size: int) -> None:
        self.input_size, self.output_size = input_size, output_size
        spread = (2 / (input_size + output_size)) ** 0.5
        self.weights: Array = np.random.normal(0, spread, (output_size, input_size))
        self.bias: Array = np.zeros(output_size)

    def forward(self, x: Array) -> Array:
        """x W^T + b, for one step (in,) or a sequence (T, in)."""
        return x @ self.weights.T + self.bias
