"""NumPy and CuPy arrays in place of tensors, through DLPack and without a copy."""

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
    """Makes a function of tensors accept arrays; if the first argument is one, it returns arrays, without gradients."""
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
    """The module that an array comes from, numpy or cupy, else None; None for masked arrays: masks would be ignored."""
    if isinstance(array, np.ma.MaskedArray):
        return None
    name = type(array).__module__.partition(".")[0]
    return sys.modules.get(name) if name in LIBRARIES and hasattr(array, "__dlpack__") else None


def to_tensor(array: Any) -> Any:
    """Converts an array to a tensor, which shares its memory if torch can; returns anything else unchanged."""
    if library_of(array) is None:
        return array
    if isinstance(array, np.ndarray) and (not array.flags.writeable or min(array.strides, default=0) < 0):
        array = array.copy()  # torch supports neither
    try:
        return torch.from_dlpack(array)
    except BufferError as error:
        raise TypeError(
            f"an array of {array.dtype} is not supported: {error}; convert it, for example to float32"
        ) from None


def each(convert: Callable[[Tensor], Any], outputs: Any) -> Any:
    """Converts every tensor in a nested tuple of tensors and None."""
    if outputs is None or isinstance(outputs, Tensor):
        return None if outputs is None else convert(outputs)
    return tuple(each(convert, o) for o in outputs)
