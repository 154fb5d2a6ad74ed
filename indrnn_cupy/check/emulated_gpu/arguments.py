"""Checks the arguments of a launch against the kernel's parameters, which no driver does.

CuPy passes a Python int as an int64 and a float as a float64, a NumPy scalar by its size, and never looks at what the
kernel expects: a wrong type is read as garbage.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from .global_memory import Argument, GlobalMemory
from .ptx import DTYPES, Kernel


def bind_arguments(
    kernel: Kernel, values: Sequence[Any], statistics: Counter[str]
) -> tuple[dict[str, np.ndarray], GlobalMemory]:
    """The value of each parameter, and the memory that the pointers among them point to; raises TypeError."""
    if len(values) != len(kernel.parameters):
        raise TypeError(f"{kernel.name}: {len(values)} arguments for {len(kernel.parameters)} parameters")
    held: dict[str, np.ndarray] = {}
    arrays: dict[int, Argument] = {}
    nulls: list[str] = []
    for number, ((name, kind), value) in enumerate(zip(kernel.parameters.items(), values, strict=True), start=1):
        passed = type(value).__name__
        if value is None:
            nulls.append(name)
            value = np.uint64(0)
        elif isinstance(value, np.ndarray):
            arrays[number] = Argument(name, number, value)
            value = np.uint64(arrays[number].pointer)
        given, wanted = scalar_type(value), DTYPES[kind]
        if given.itemsize != wanted.itemsize or (given.kind == "f") != (wanted.kind == "f"):
            raise TypeError(f"{kernel.name}: {passed} passed as {given.name} for {name}, which is .{kind}")
        held[name] = np.array(value, given).view(wanted)
    return held, GlobalMemory(arrays, nulls, statistics)


def scalar_type(value: Any) -> np.dtype:
    """The type that CuPy uses to pass a number."""
    if isinstance(value, np.generic):
        return value.dtype
    if type(value) in (bool, int, float):
        return np.dtype(type(value))
    raise TypeError(f"a {type(value).__name__} cannot be an argument of a kernel")
