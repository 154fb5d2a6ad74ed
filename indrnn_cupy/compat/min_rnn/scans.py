"""The linear recurrence h_t = a_t h_{t-1} + b_t on NumPy arrays, with the functions of CUDA_RNN."""

import numpy as np
import torch

from ... import functional as F
from .utils import Array


def compose_scan_ops(op1_a: Array, op1_b: Array, op2_a: Array, op2_b: Array) -> tuple[Array, Array]:
    """a and b of op1 followed by op2."""
    return op2_a * op1_a, op2_a * op1_b + op2_b


def apply_scan_op(op_a: Array, op_b: Array, h_in: Array) -> Array:
    """a h + b."""
    return op_a * h_in + op_b


def parallel_scan(seq_length: int, batch_size: int, hidden_size: int, a: Array, b: Array, h0: Array) -> Array:
    """h at every step, `(seq_length, hidden_size)`, for a and b of that shape and h0, `(hidden_size,)`.

    `batch_size` is ignored, as in CUDA_RNN. Results for more than four steps are correct, unlike in CUDA_RNN.
    """
    kind = np.result_type(a, b, h0, np.float32).newbyteorder("=")
    a, b, h0 = (np.ascontiguousarray(array, kind) for array in (a, b, h0))
    a, b, shape = a[:seq_length], b[:seq_length], (seq_length, hidden_size)
    if a.shape != shape or b.shape != shape or h0.shape != shape[1:]:
        raise ValueError(
            f"a, b and h0 have shapes {a.shape}, {b.shape} and {h0.shape}, expected {shape} twice, {shape[1:]}"
        )
    steps = [torch.tensor(array).unsqueeze(-2) for array in (a, b, h0)]
    return F.linear_recurrence(*steps)[0].squeeze(1).numpy()


def sequential_scan(seq_length: int, batch_size: int, hidden_size: int, a: Array, b: Array, h0: Array) -> Array:
    """The same as :func:`parallel_scan`: both run the same kernel."""
    return parallel_scan(seq_length, batch_size, hidden_size, a, b, h0)
