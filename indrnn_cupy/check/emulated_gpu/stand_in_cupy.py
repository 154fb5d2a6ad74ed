"""A stand-in for the few names of CuPy that launch a raw kernel, with the emulated GPU behind them.

It is as strict as CuPy, and stricter about the types of arguments: see arguments.py.
"""

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import cupy as real_cupy
import numpy as np

from .machine import run
from .nvrtc import compile
from .ptx import parse

SCALAR_TYPES = ["bool_", "float16", "float32", "float64"]
SCALAR_TYPES += [f"{kind}{bits}" for kind in ("int", "uint") for bits in (8, 16, 32, 64)]


class LaunchRecord(NamedTuple):
    """The arguments of one launch, and the statistics of the emulated GPU."""

    name: str
    grid: tuple[int, ...]
    block: tuple[int, ...]
    stats: Counter[str]
    shared_mem: int
    stream: int


launches: list[LaunchRecord] = []


class ndarray(np.ndarray):
    """An array on the emulated device; as in CuPy, a NumPy array is not accepted as an argument."""


def from_dlpack(array: Any) -> ndarray:
    """Exports for stream 2, as CuPy does with per-thread default streams, for which torch creates no capsule."""
    device, capsule = array.__dlpack_device__(), array.__dlpack__(stream=2, max_version=(1, 0), copy=None)
    held = SimpleNamespace(__dlpack__=lambda **_: capsule, __dlpack_device__=lambda: device)
    return np.from_dlpack(held).view(ndarray)


class Stream:
    """A stream, of which only the address matters."""

    def __init__(self, ptr: int = 0) -> None:
        self.ptr = ptr

    @classmethod
    def from_external(cls, stream: Any) -> "Stream":
        _, ptr = stream.__cuda_stream__()
        return cls(ptr)


def must_be_tuple(value: tuple[Any, ...]) -> tuple[Any, ...]:
    if not isinstance(value, tuple):
        raise TypeError(f"expected a tuple, got a {type(value).__name__}")  # as Cython checks CuPy's parameters
    return value


class RawModule:
    """Source code, compiled when a kernel is requested."""

    def __init__(
        self,
        *,
        code: str,
        options: tuple[str, ...] = (),
        backend: str = "nvrtc",
        name_expressions: Sequence[str] | None = None,
    ) -> None:
        if backend != "nvrtc" or name_expressions:
            raise NotImplementedError("only kernels with plain names, compiled by NVRTC")
        self.code, self.options = code, must_be_tuple(options)

    def get_function(self, name: str) -> "Function":
        ptx, _ = compile(self.code, options=self.options)
        return Function(str(ptx), name)


class Function:
    """A kernel that can be launched."""

    def __init__(self, ptx: str, name: str) -> None:
        if name not in parse(ptx):
            raise AttributeError(f"no kernel {name}; expected {', '.join(parse(ptx))}")
        self.ptx, self.name = ptx, name

    def __call__(
        self,
        grid: tuple[int, ...],
        block: tuple[int, ...],
        args: Sequence[Any],
        *,
        shared_mem: int = 0,
        stream: Stream | None = None,
    ) -> None:
        if any(isinstance(value, np.ndarray) and not isinstance(value, ndarray) for value in args):
            raise TypeError("a NumPy array cannot be an argument of a kernel")
        grid = tuple(max(1, size) for size in must_be_tuple(grid))  # as CuPy does
        stats = run(self.ptx, self.name, args, grid, must_be_tuple(block), shared_mem)
        launches.append(LaunchRecord(self.name, grid, block, stats, shared_mem, (stream or Stream()).ptr))


@contextmanager
def installed() -> Iterator[list[LaunchRecord]]:
    """Makes `import cupy` find the stand-in; yields the list to which each launch is appended."""
    cupy, cuda = ModuleType("cupy"), ModuleType("cupy.cuda")
    vars(cuda).update(Stream=Stream, compiler=real_cupy.cuda.compiler, nvrtc=real_cupy.cuda.nvrtc)
    vars(cupy).update(cuda=cuda, ndarray=ndarray, from_dlpack=from_dlpack, RawModule=RawModule)
    vars(cupy).update({name: getattr(np, name) for name in SCALAR_TYPES}, __version__=real_cupy.__version__)
    stand_in = {"cupy": cupy, "cupy.cuda": cuda}
    real = {name: sys.modules[name] for name in stand_in}
    launches.clear()
    sys.modules.update(stand_in)
    try:
        yield launches
    finally:
        sys.modules.update(real)
