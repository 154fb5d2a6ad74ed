"""NumPy and CuPy arrays where a tensor is expected, by DLPack and without a copy."""

import sys
from collections.abc import Callable
from functools import wraps
from inspect import signature
from typing import Any, TypeVar, cast

import numpy as np
import torch
from torch import Tensor

Function = TypeVar("Function", bound=Callable[..., Any])
LIBRARIES = ("numpy", "cupy")


def takes_arrays(function: Function) -> Function:
    """Lets a function of tensors take arrays too. If its first argument is one, it gives arrays, without gradients."""
    name = next(iter(signature(function).parameters))

    @wraps(function)
    def wrapped(*arguments: Any, **options: Any) -> Any:
        first = arguments[0] if arguments else options.get(name)
        if isinstance(first, Tensor) or (library := library_of(first)) is None:
            return function(*arguments, **options)
        with torch.no_grad():
            outputs = function(*map(to_tensor, arguments), **{k: to_tensor(a) for k, a in options.items()})
            return each(library.from_dlpack, outputs)

    return cast(Function, wrapped)


def library_of(array: Any) -> Any:
    """The module numpy or cupy for an array of it, else None; a mask would go unseen."""
    if isinstance(array, np.ma.MaskedArray):
        return None
    name = type(array).__module__.partition(".")[0]
    return sys.modules.get(name) if name in LIBRARIES and hasattr(array, "__dlpack__") else None


def to_tensor(array: Any) -> Any:
    """A tensor for an array, on the same memory where torch can have it; anything else as it is."""
    if library_of(array) is None:
        return array
    if isinstance(array, np.ndarray) and (not array.flags.writeable or min(array.strides, default=0) < 0):
        array = array.copy()  # torch knows neither
    try:
        return torch.from_dlpack(array)
    except BufferError as error:
        raise TypeError(f"an array of {array.dtype} cannot be taken: {error}; convert it, to float32 say") from None


def each(convert: Callable[[Tensor], Any], outputs: Any) -> Any:
    """A tuple of tensors, tuples and None with every tensor converted."""
    if outputs is None or isinstance(outputs, Tensor):
        return None if outputs is None else convert(outputs)
    return tuple(each(convert, o) for o in outputs)
