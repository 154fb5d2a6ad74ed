"""What arrays and numbers of numpy are in a pickle, as plain_pickle.py notes them."""

import math
import re
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from .plain_pickle import Made, Stored


@dataclass(frozen=True)
class Array:
    """An array of numbers that a pickle holds: of the shape `stored`, and then with its axes in that order."""

    stored: tuple[int, ...]
    axes: tuple[int, ...]
    dtype: np.dtype
    raw: bytes | Stored

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(self.stored[axis] for axis in self.axes)

    def read(self, file: BinaryIO) -> np.ndarray:
        raw = self.raw
        if isinstance(raw, Stored):
            file.seek(raw.start)
            content = file.read(raw.stop - raw.start)
            raw = content.decode().encode("latin1") if raw.is_text else content
        return np.frombuffer(raw, self.dtype).reshape(self.stored).transpose(self.axes)


def array(value: Any) -> Array:
    """What an array in the pickle is, without reading its numbers; ValueError if it is none or of another type."""
    axes: Any = None
    match value:
        case Made(name=name, state=(1, tuple(shape), dtype, bool(is_fortran), raw)) if name.endswith("_reconstruct"):
            order = "F" if is_fortran else "C"
        case Made(name=name, arguments=(raw, dtype, tuple(shape), order, *more)) if name.endswith("_frombuffer"):
            axes = more[0] if more else None
        case _:
            raise ValueError(f"is {kind(value)}, expected an array of numbers")
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("has a shape that is not of whole numbers")
    upwards = tuple(range(len(shape)))
    if order == "F":
        shape, axes = shape[::-1], upwards[::-1]
    elif order == "C":
        axes = upwards
    elif not isinstance(axes, tuple) or not all(type(axis) is int for axis in axes) or sorted(axes) != [*upwards]:
        raise ValueError("has axes in no order that is known")
    raw, found = _bytes(raw), _dtype(dtype)
    length = raw.length if isinstance(raw, Stored) else len(raw)
    if math.prod(shape) * found.itemsize != length:
        raise ValueError(f"has the shape {shape} of {found}, which is not what its {length} bytes hold")
    return Array(shape, axes, found, raw)


def _bytes(raw: Any) -> bytes | Stored:
    match raw:
        case bytes() | bytearray():
            return bytes(raw)
        case Stored(is_text=False):
            return raw
        case Made(name="_codecs encode", arguments=(str(text), "latin1")):
            return text.encode("latin1")
        case Made(name="_codecs encode", arguments=(Stored(is_text=True) as text, "latin1")):
            return text
    raise ValueError(f"has {kind(raw)} for its numbers, expected bytes")


def _dtype(value: Any) -> np.dtype:
    match value:
        case Made(name="numpy dtype", arguments=(str(code), *_), state=(int(), "<" | ">" | "=" | "|" as order, *_)):
            if re.fullmatch(r"f[248]|[iu][1248]", code):
                return np.dtype(order.replace("|", "=") + code)
            raise ValueError(f"is of type {code[:20]!r}, expected numbers")
    raise ValueError("is of no type that is known")


def whole_number(value: Any) -> int:
    """An int, or a numpy scalar of whole numbers; ValueError otherwise."""
    match value:
        case Made(name=name, arguments=(dtype, raw)) if name.endswith("scalar"):
            found, content = _dtype(dtype), _bytes(raw)
            if found.kind in "iu" and isinstance(content, bytes) and len(content) == found.itemsize:
                return int(np.frombuffer(content, found)[0])
        case int() if not isinstance(value, bool):
            return value
    raise ValueError(f"is {kind(value)}, expected a whole number")


def kind(value: Any) -> str:
    """What sort of value it is, in a word."""
    return value.name.split(" ")[1] if isinstance(value, Made) else type(value).__name__
