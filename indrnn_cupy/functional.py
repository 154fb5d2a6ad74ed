"""The recurrences as functions: checked, documented entry points."""

import warnings
from functools import cache

import torch
from torch import Tensor

from . import reference
from .ops.indrnn import IndRNNFunction
from .ops.recurrence import TYPES
from .runtime import missing


def indrnn(
    x: Tensor, weight: Tensor, h0: Tensor | None = None, *, activation: str = "relu", batch_first: bool = False
) -> tuple[Tensor, Tensor]:
    r"""Independently recurrent network, the recurrence alone:

    .. math:: h_t = \sigma(x_t + u \odot h_{t-1}),\quad t = 1, \dots, T

    The input is taken as it is: project it first (`torch.nn.Linear`), or use :class:`indrnn_cupy.IndRNN`.

    Args:
        x: input, `(T, B, H)`, or `(B, T, H)` with `batch_first`; float32 or float64. Any strides; no copy is made as
            long as the hidden units lie side by side.
        weight: recurrent weight u, `(H,)`.
        h0: initial state, `(B, H)`; zeros if not given.
        activation: sigma, one of "relu", "tanh", "sigmoid", "identity".
        batch_first: the batch comes before time in `x` and `y`.

    Returns:
        `y`, every state, in the shape and layout of `x`, and `h_n`, the last one, `(B, H)`.

    Gradients flow to `x`, `weight` and `h0`, once: a second derivative raises RuntimeError. The derivative of the
    activation is taken from `y`, so that `x` is not kept. The same input gives the same bits.

    Raises:
        TypeError, ValueError: if types, shapes or devices do not fit.
        KernelError: if a kernel that was edited does not compile or does not fit.

    Reference: Li et al., "Independently Recurrent Neural Network (IndRNN)", CVPR 2018, arXiv 1803.04831.
    """
    check_activation(activation)
    B, H = _check_sequence("x", x, batch_first)
    _check_like("weight", weight, (H,), x)
    if h0 is None:
        h0 = x.new_zeros(B, H)
    _check_like("h0", h0, (B, H), x)
    if not _compiled(x.device):
        return reference.indrnn(x, weight, h0, activation=activation, batch_first=batch_first)
    y, h_n = IndRNNFunction.apply(x.transpose(0, 1) if batch_first else x, weight, h0, activation)
    return y.transpose(0, 1) if batch_first else y, h_n


def check_activation(name: str) -> None:
    """Raises ValueError unless there is an activation of this name."""
    if name not in reference.ACTIVATIONS:
        raise ValueError(f"activation is {name!r}, expected one of {', '.join(reference.ACTIVATIONS)}")


def _check_sequence(name: str, x: Tensor, batch_first: bool) -> tuple[int, int]:
    """The batch and hidden size of a sequence."""
    layout = "(B, T, H)" if batch_first else "(T, B, H)"
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} is a {type(x).__name__}, expected a torch.Tensor {layout}")
    if x.dim() != 3:
        raise ValueError(f"{name} has shape {tuple(x.shape)}, expected three dimensions {layout}")
    if x.dtype not in TYPES:
        raise TypeError(f"{name} is {x.dtype}, expected {' or '.join(str(t) for t in TYPES)}")
    return x.shape[0 if batch_first else 1], x.shape[2]


def _check_like(name: str, tensor: Tensor, shape: tuple[int, ...], x: Tensor) -> None:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} is a {type(tensor).__name__}, expected a torch.Tensor of shape {shape}")
    if tensor.shape != shape:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {shape} to go with x of {tuple(x.shape)}")
    if tensor.dtype != x.dtype:
        raise TypeError(f"{name} is {tensor.dtype} but x is {x.dtype}; convert one of them")
    if tensor.device != x.device:
        raise ValueError(f"{name} is on {tensor.device} but x is on {x.device}; move one of them")


@cache
def _warn(reason: str) -> None:
    warnings.warn(f"{reason}. Until then the plain PyTorch form runs, which is much slower.", stacklevel=4)


def _compiled(device: torch.device) -> bool:
    """Whether kernels can run on this device; if not, says once what is missing."""
    if torch.compiler.is_compiling():
        return True
    if reason := missing(device.type):
        _warn(reason)
    return not reason
