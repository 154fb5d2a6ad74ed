"""What arrays and numbers of numpy are in a pickle, as plain_pickle.py notes them."""

import math
import re
from dataclasses import dataclass
from typing import Any, BinaryIO

import numpy as np

from .plain_pickle import Made, Stored


@dataclass(frozen=True)
class Array:
    """An array of numbers that a pickle holds."""

    shape: tuple[int, ...]
    dtype: np.dtype
    order: str
    raw: Any

    def read(self, file: BinaryIO) -> np.ndarray:
        raw = self.raw
        if isinstance(raw, Stored):
            file.seek(raw.start)
            raw = file.read(raw.stop - raw.start)
            raw = raw.decode().encode("latin1") if self.raw.is_text else raw
        return np.frombuffer(raw, self.dtype).reshape(self.shape, order=self.order)  # type: ignore[call-overload]


def array(value: Any) -> Array:
    """What an array in the pickle is, without reading its numbers; ValueError if it is none or of another type."""
    match value:
        case Made(name=name, state=(1, tuple(shape), dtype, bool(is_fortran), raw)) if name.endswith("_reconstruct"):
            order = "F" if is_fortran else "C"
        case Made(name=name, arguments=(raw, dtype, tuple(shape), "C" | "F" as order)) if name.endswith("_frombuffer"):
            pass
        case _:
            raise ValueError(f"is {kind(value)}, expected an array of numbers")
    if isinstance(raw, Made) and raw.name == "_codecs encode":
        match raw.arguments:
            case (str(text), "latin1"):
                raw = text.encode("latin1")
            case (Stored(is_text=True) as text, "latin1"):
                raw = text
    if not all(type(size) is int and size >= 0 for size in shape):
        raise ValueError("has a shape that is not of whole numbers")
    found = _dtype(dtype)
    length = raw.length if isinstance(raw, Stored) else len(raw) if isinstance(raw, bytes | bytearray) else -1
    if math.prod(shape) * found.itemsize != length:
        raise ValueError(f"has the shape {shape} of {found}, which is not what its {length} bytes hold")
    return Array(shape, found, order, raw)


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
        case Made(name=name, arguments=(dtype, bytes(raw))) if name.endswith("scalar"):
            if (found := _dtype(dtype)).kind in "iu" and len(raw) == found.itemsize:
                return int(np.frombuffer(raw, found)[0])
        case Made(name=name, arguments=(dtype, Made(name="_codecs encode", arguments=(str(text), "latin1")))):
            return whole_number(Made(name, (dtype, text.encode("latin1"))))
        case int() if not isinstance(value, bool):
            return value
    raise ValueError(f"is {kind(value)}, expected a whole number")


def kind(value: Any) -> str:
    """What sort of value it is, in a word."""
    return value.name.split(" ")[1] if isinstance(value, Made) else type(value).__name__
