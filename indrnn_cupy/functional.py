"""The recurrences as functions: checked, documented entry points."""

import math
import warnings
from functools import cache

import torch
from torch import Tensor

from . import reference
from .ops.indrnn import indrnn as indrnn_op
from .ops.irevrnn import irevrnn as irevrnn_op
from .ops.sequence import TYPES
from .runtime import CompilerMissingError, missing, overlay

MOST_SUB_STEPS = 8  # of IRevRNN: what a GPU's registers hold


def indrnn(
    x: Tensor,
    weight: Tensor,
    h0: Tensor | None = None,
    *,
    activation: str = "relu",
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""Independently recurrent network, the recurrence alone:

    .. math:: h_t = \sigma(x_t + u \odot h_{t-1}),\quad t = 1, \dots, T

    The input is taken as it is: project it first (`torch.nn.Linear`), or use :class:`indrnn_cupy.IndRNN`.

    Args:
        x: input, `(T, B, H)`, or `(B, T, H)` with `batch_first`; float32, float64, float16 or bfloat16. The state is
            float32 for 16-bit types. Any strides; no copy is made as long as the hidden units lie side by side.
        weight: recurrent weight u, `(H,)`, in the type of `x`, or float32 beside a 16-bit `x`.
        h0: initial state, `(B, H)`; zeros if not given. Its type is as for `weight`.
        activation: sigma, one of "relu", "tanh", "sigmoid", "hardtanh", "identity".
        lengths: number of steps of each row, `(B,)`, integers from 0 to T; others are refused, on a GPU clamped. Past
            its length a row's state stays as it is, its outputs are 0, and nothing there reaches a gradient.
        resets: `(T, B)` bool, `(B, T)` with `batch_first`; the state is zero before a marked step.
        reverse: run from each row's last step to its first.
        batch_first: the batch comes before time in `x`, `y` and `resets`.

    Returns:
        `y`, every state, in the shape, type and layout of `x`, and `h_n`, `(B, H)`, the state after each row's last
        step or, with `reverse`, after its first.

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
    if h0 is not None:
        _check_like("h0", h0, (B, H), x)
    lengths = _check_steps(x, lengths, resets, batch_first)
    if not _compiled(x.device):
        return reference.indrnn(
            x,
            weight,
            h0,
            activation=activation,
            lengths=lengths,
            resets=resets,
            reverse=reverse,
            batch_first=batch_first,
        )
    if batch_first:
        x, resets = x.transpose(0, 1), None if resets is None else resets.transpose(0, 1)
    y, h_n = indrnn_op(x, weight, h0, lengths, resets, reverse, activation)
    return y.transpose(0, 1) if batch_first else y, h_n


def irevrnn(
    x: Tensor,
    weight: Tensor,
    hidden_weights: Tensor,
    cell_weights: Tensor,
    h0: Tensor | None = None,
    c0: Tensor | None = None,
    *,
    activation: str = "relu",
    inner_activation: str = "tanh",
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    memory: str = "recompute",
    every: int | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    r"""Reversible independently recurrent network, the recurrence alone: IndRNN with a second state c, which is coupled
    to h by R reversible sub-steps in each step:

    .. math::
        h^0 = u \odot h_{t-1},\quad c^0 = c_{t-1};\quad
        c^{i+1} = c^i + a_i \odot \phi(h^i),\quad h^{i+1} = h^i + b_i \odot \phi(c^{i+1}),\quad i = 0, \dots, R - 1;\\
        h_t = \sigma(x_t + h^R),\quad c_t = c^R

    With a = b = 0 it is :func:`indrnn`. Where :math:`a_i b_i \le 0` the sub-steps rotate (h, c), and cannot grow it.

    Args:
        weight: recurrent weight u, `(H,)`.
        hidden_weights, cell_weights: a and b, `(R, H)`.
        h0, c0: initial states, `(B, H)`; zeros if not given. With c0 = 0 and b = 0 no gradient reaches a.
        activation: sigma, as in :func:`indrnn`.
        inner_activation: phi, one of the same.
        memory: what is kept for backward beside y: "recompute", c before every so manyth step, from which backward
            works out the others; or "store", every c.
        every: of "recompute", the steps from one c that is kept to the next; about the root of T if not given.
        x, lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns:
        `y`, every h, in the shape, type and layout of `x`, and the last states `(h_n, c_n)`, `(B, H)` each.

    Gradients flow to `x`, the weights and the initial states, once. Nothing is divided by u, which may be 0.

    Raises:
        TypeError, ValueError, KernelError: as :func:`indrnn`.

    Reference: github.com/shaofei-liu/irevrnn.
    """
    check_activation(activation)
    check_activation(inner_activation, "inner_activation")
    B, H = _check_sequence("x", x, batch_first)
    _check_like("weight", weight, (H,), x)
    R = len(hidden_weights) if isinstance(hidden_weights, Tensor) and hidden_weights.dim() else 0
    check_sub_steps("R of hidden_weights, (R, H),", R)
    for name, tensor in (("hidden_weights", hidden_weights), ("cell_weights", cell_weights)):
        _check_like(name, tensor, (R, H), x)
    for name, state in (("h0", h0), ("c0", c0)):
        if state is not None:
            _check_like(name, state, (B, H), x)
    lengths = _check_steps(x, lengths, resets, batch_first)
    T = x.shape[1 if batch_first else 0]
    step = kept_every(memory, every, T)
    if not _compiled(x.device):
        return reference.irevrnn(
            x,
            weight,
            hidden_weights,
            cell_weights,
            h0,
            c0,
            activation=activation,
            inner_activation=inner_activation,
            lengths=lengths,
            resets=resets,
            reverse=reverse,
            batch_first=batch_first,
        )
    if batch_first:
        x, resets = x.transpose(0, 1), None if resets is None else resets.transpose(0, 1)
    tensors = (x, weight, hidden_weights, cell_weights, h0, c0, lengths, resets)
    y, h_n, c_n = irevrnn_op(*tensors, reverse, activation, inner_activation, step)
    return y.transpose(0, 1) if batch_first else y, (h_n, c_n)


def check_sub_steps(name: str, R: int) -> None:
    """Raises ValueError unless a kernel can run so many sub-steps of IRevRNN."""
    if not 1 <= R <= MOST_SUB_STEPS:
        raise ValueError(f"{name} is {R}, expected 1 to {MOST_SUB_STEPS} sub-steps")


def kept_every(memory: str, every: int | None, T: int) -> int:
    """The steps from one c that is kept to the next."""
    if memory not in ("recompute", "store"):
        raise ValueError(f"memory is {memory!r}, expected 'recompute' or 'store'")
    if every is not None and (memory != "recompute" or every < 1):
        raise ValueError(f"every is {every}, expected a positive number, with memory='recompute'")
    return 1 if memory == "store" else every or max(2, math.isqrt(T))


def check_activation(name: str, argument: str = "activation") -> None:
    """Raises ValueError unless there is an activation of this name."""
    if not isinstance(name, str) or name not in reference.ACTIVATIONS:
        raise ValueError(f"{argument} is {name!r}, expected one of {', '.join(reference.ACTIVATIONS)}")


def _check_steps(x: Tensor, lengths: Tensor | None, resets: Tensor | None, batch_first: bool) -> Tensor | None:
    """The lengths as int64 on the device of x."""
    if resets is not None:
        _check_resets(resets, x)
    return None if lengths is None else _check_lengths(lengths, x, batch_first)


def _check_sequence(name: str, x: Tensor, batch_first: bool) -> tuple[int, int]:
    """The batch and hidden size of a sequence."""
    layout = "(B, T, H)" if batch_first else "(T, B, H)"
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} is a {type(x).__name__}, expected a torch.Tensor {layout}")
    if x.dim() != 3:
        raise ValueError(f"{name} has shape {tuple(x.shape)}, expected three dimensions {layout}")
    if x.dtype not in TYPES:
        raise TypeError(f"{name} is {x.dtype}, expected one of {', '.join(str(t) for t in TYPES)}")
    return x.shape[0 if batch_first else 1], x.shape[2]


def _check_like(name: str, tensor: Tensor, shape: tuple[int, ...], x: Tensor) -> None:
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} is a {type(tensor).__name__}, expected a torch.Tensor of shape {shape}")
    if tensor.shape != shape:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {shape} to go with x of {tuple(x.shape)}")
    if tensor.dtype not in (x.dtype, TYPES[x.dtype][2]):
        raise TypeError(f"{name} is {tensor.dtype} but x is {x.dtype}; convert one of them")
    if tensor.device != x.device:
        raise ValueError(f"{name} is on {tensor.device} but x is on {x.device}; move one of them")


def _check_lengths(lengths: Tensor, x: Tensor, batch_first: bool) -> Tensor:
    """The lengths as int64 on the device of x."""
    T, B = (x.shape[1], x.shape[0]) if batch_first else x.shape[:2]
    lengths = torch.as_tensor(lengths)
    if lengths.shape != (B,):
        raise ValueError(f"lengths has shape {tuple(lengths.shape)}, expected {(B,)} to go with x of {tuple(x.shape)}")
    if lengths.dtype not in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
        raise TypeError(f"lengths is {lengths.dtype}, expected integers")
    if not torch.compiler.is_compiling() and type(lengths) is Tensor and lengths.device.type == "cpu" and B:
        low, high = int(lengths.min()), int(lengths.max())
        if low < 0 or high > T:
            raise ValueError(f"lengths go from {low} to {high}, expected 0 to T = {T}")
    return lengths.to(x.device, torch.int64).contiguous()


def _check_resets(resets: Tensor, x: Tensor) -> None:
    if not isinstance(resets, Tensor) or resets.dtype != torch.bool:
        what = resets.dtype if isinstance(resets, Tensor) else type(resets).__name__
        raise TypeError(f"resets is {what}, expected a torch.bool tensor of shape {tuple(x.shape[:2])}")
    if resets.shape != x.shape[:2]:
        raise ValueError(f"resets has shape {tuple(resets.shape)}, expected {tuple(x.shape[:2])}, that of x without H")
    if resets.device != x.device:
        raise ValueError(f"resets is on {resets.device} but x is on {x.device}; move one of them")


@cache
def _warn(reason: str) -> None:
    warnings.warn(f"{reason}. Until then the plain PyTorch form runs, which is much slower.", stacklevel=4)


@torch.compiler.assume_constant_result
def _compiled(device: torch.device) -> bool:
    """Whether kernels can run on this device; if not, says once what is missing."""
    if reason := missing(device.type):
        if overlay():
            raise CompilerMissingError(f"{reason}; without it the kernels in {overlay()} cannot run")
        _warn(reason)
    return not reason
