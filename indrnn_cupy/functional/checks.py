"""Checks of arguments that all functions share."""

import math
import warnings
from collections.abc import Iterator, Sequence
from functools import cache, reduce
from typing import Any

import torch
from torch import Tensor
from torch._C._functorch import is_functorch_wrapped_tensor

from .. import reference
from ..ops.compiling import assume_constant_result
from ..ops.sequence import TYPES
from ..runtime import CompilerMissingError, missing, overlay

NARROWER = {
    dtype: [other for other in TYPES if torch.promote_types(other, real) == real]
    for dtype, (_, _, real) in TYPES.items()
}


def flat(outputs: Any) -> Iterator[Tensor]:
    """The tensors in a nested tuple of tensors and None."""
    for output in outputs:
        if output is not None:
            yield from (output,) if isinstance(output, Tensor) else flat(output)


def check_activation(name: str, argument: str = "activation") -> None:
    """Raises ValueError unless this is the name of an activation."""
    if not isinstance(name, str) or name not in reference.ACTIVATIONS:
        raise ValueError(f"{argument} is {name!r}, expected one of {', '.join(reference.ACTIVATIONS)}")


def check_choice(name: str, value: Any, choices: Sequence[str]) -> None:
    """Raises ValueError unless the value is one of the choices."""
    if value not in choices:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(choices)}")


def check_number(name: str, value: float, above: float | None = None, least: float | None = None) -> None:
    """Raises TypeError or ValueError unless this is a finite number, greater than `above` or at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"{name} is a {type(value).__name__}, expected a number")
    if not math.isfinite(value) or (above is not None and value <= above) or (least is not None and value < least):
        expected = f"above {above}" if above is not None else f"at least {least}"
        raise ValueError(f"{name} is {value}, expected a finite number, {expected}")


def to_arithmetic_type(weight: Tensor) -> Tensor:
    """Casts a weight to the type of the arithmetic, so that values computed from it are not rounded to 16 bits."""
    return weight.to(torch.promote_types(weight.dtype, torch.float32))


def check_steps(
    x: Tensor, lengths: Tensor | None, resets: Tensor | None, reverse: bool, batch_first: bool
) -> dict[str, Any]:
    """Checks the options of a sequence and returns them, the lengths as int64 on the device of x."""
    if resets is not None:
        check_resets(resets, x)
    lengths = None if lengths is None else check_lengths(lengths, x, batch_first)
    return {"lengths": lengths, "resets": resets, "reverse": reverse}


def check_sequence(name: str, x: Tensor, batch_first: bool) -> tuple[int, int]:
    """Checks a sequence and returns its batch size and its last dimension."""
    layout = "(B, T, H)" if batch_first else "(T, B, H)"
    if not isinstance(x, Tensor):
        raise TypeError(f"{name} is a {type(x).__name__}, expected a torch.Tensor, or a NumPy or CuPy array, {layout}")
    if x.dim() != 3:
        raise ValueError(f"{name} has shape {tuple(x.shape)}, expected three dimensions {layout}")
    if x.dtype not in TYPES:
        raise TypeError(f"{name} is {x.dtype}, expected one of {', '.join(str(t) for t in TYPES)}")
    return x.shape[0 if batch_first else 1], x.shape[2]


def check_state(name: str, state: Tensor | None, shape: tuple[int, ...], x: Tensor) -> None:
    """Like :func:`check_like`, but a state may have a narrower dtype, as autocast returns it."""
    if state is not None:
        check_like(name, state, shape, x, NARROWER[x.dtype])


def check_like(
    name: str, tensor: Tensor, shape: tuple[int, ...], x: Tensor, dtypes: Sequence[torch.dtype] | None = None
) -> None:
    """Raises TypeError or ValueError unless the tensor matches x; by default in the dtype of x or of its arithmetic."""
    if not isinstance(tensor, Tensor):
        raise TypeError(f"{name} is a {type(tensor).__name__}, expected a torch.Tensor of shape {shape}")
    if tensor.shape != shape:
        raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {shape} to match x of {tuple(x.shape)}")
    if tensor.dtype not in (dtypes or (x.dtype, TYPES[x.dtype][2])):
        raise TypeError(f"{name} is {tensor.dtype} but x is {x.dtype}; convert one of them")
    if tensor.device != x.device:
        raise ValueError(f"{name} is on {tensor.device} but x is on {x.device}; move one of them")


def check_lengths(lengths: Tensor, x: Tensor, batch_first: bool) -> Tensor:
    """Checks lengths and returns them as int64 on the device of x."""
    T, B = (x.shape[1], x.shape[0]) if batch_first else x.shape[:2]
    lengths = as_integers(lengths)
    if lengths.shape != (B,):
        raise ValueError(f"lengths has shape {tuple(lengths.shape)}, expected {(B,)} to match x of {tuple(x.shape)}")
    if lengths.dtype not in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
        raise TypeError(f"lengths is {lengths.dtype}, expected integers")
    seen = not torch.compiler.is_compiling() and type(lengths) is Tensor and not is_functorch_wrapped_tensor(lengths)
    if seen and lengths.device.type == "cpu" and B:
        low, high = int(lengths.min()), int(lengths.max())
        if low < 0 or high > T:
            raise ValueError(f"lengths range from {low} to {high}, expected 0 to T = {T}")
    return lengths.to(x.device, torch.int64).contiguous()


def as_integers(lengths: Any) -> Tensor:
    """Lengths as a tensor; those given as a list or a number are on the CPU, whatever the default device."""
    return lengths if isinstance(lengths, Tensor) else torch.as_tensor(lengths, device="cpu")


def check_resets(resets: Tensor, x: Tensor) -> None:
    if not isinstance(resets, Tensor) or resets.dtype != torch.bool:
        what = resets.dtype if isinstance(resets, Tensor) else type(resets).__name__
        raise TypeError(f"resets is {what}, expected a torch.bool tensor of shape {tuple(x.shape[:2])}")
    if resets.shape != x.shape[:2]:
        raise ValueError(
            f"resets has shape {tuple(resets.shape)}, expected {tuple(x.shape[:2])}, the shape of x without H"
        )
    if resets.device != x.device:
        raise ValueError(f"resets is on {resets.device} but x is on {x.device}; move one of them")


@cache
def _warn(reason: str) -> None:
    warnings.warn(f"{reason}. Until then, the plain PyTorch implementation runs, which is much slower.", stacklevel=5)


@assume_constant_result
def can_compile(device: torch.device) -> bool:
    """Whether kernels can run on this device."""
    return not missing(device.type, device.index)


@assume_constant_result
def compiled(device: torch.device, own: str = "") -> bool:
    """Whether kernels can run on this device; if not, warns once and says what is missing.

    Raises CompilerMissingError if plain PyTorch cannot replace the kernels: if they were edited, or for `own`, the name
    of a recurrence without a PyTorch implementation.
    """
    if reason := missing(device.type, device.index):
        if own or overlay():
            raise CompilerMissingError(f"{reason}; without it {own or f'the kernels in {overlay()}'} cannot run")
        _warn(reason)
    return not reason


def check_memory_options(memory: str, every: int | None) -> None:
    if memory not in ("recompute", "store"):
        raise ValueError(f"memory is {memory!r}, expected 'recompute' or 'store'")
    if every is not None and (memory != "recompute" or every < 1):
        raise ValueError(f"every is {every}, expected a positive number, with memory='recompute'")


def kept_every(memory: str, every: int | None, x: Tensor, batch_first: bool) -> int:
    """The number of steps from one saved state to the next.

    Defaults to about twice the square root of T: the least of its tangents T / a + a, which a symbolic T allows too.
    """
    check_memory_options(memory, every)
    if memory == "store":
        return 1
    T = x.shape[1 if batch_first else 0] if isinstance(x, Tensor) and x.dim() == 3 else 1  # it is checked later
    return every or reduce(torch.sym_min, (T // a + a for a in (2, 8, 32, 128, 512)))


def check_chunk(chunk: int | None) -> None:
    if chunk is not None and chunk < 0:
        raise ValueError(f"chunk is {chunk}, expected the number of steps in a chunk, 0, or None")
