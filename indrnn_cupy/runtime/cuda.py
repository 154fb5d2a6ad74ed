"""Kernels on a GPU: compiled by NVRTC and launched by CuPy on torch's current device and stream."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from operator import attrgetter
from typing import Any

import numpy as np
import torch

from . import source
from .bridge import Stream, to_cupy
from .errors import CompilerMissingError, KernelCompileError, refusal
from .kernel import Kernel

# fma is written out in the kernels, as for the host, so that both round alike.
FLAGS = ("--std=c++20", "--fmad=false")
# CuPy passes a Python int as 64 bits and a float as a double, whatever the kernel declares.
NUMPY: dict[str, Any] = {"long long": np.int64}
NEEDED = ("RawModule", "from_dlpack", "cuda.Stream.from_external", "cuda.compiler.CompileException", "cuda.nvrtc")

_install = f"pip install 'cupy-cuda{(torch.version.cuda or '13').partition('.')[0]}x[ctk]>=14'"
# What NVRTC, CuPy and the driver say where something is missing, and what to do about it.
REMEDIES = {
    "Failed to find CUDA headers|Failure finding": f"{_install} brings NVRTC and the CUDA headers",
    "InsufficientDriver|DriverMismatch|ErrorNoDevice|failed to load libcuda": "update the NVIDIA driver, or install "
    f"the CuPy of torch's CUDA: {_install}",
    "invalid value for --gpu-architecture|NO_BINARY_FOR_GPU|UNSUPPORTED_PTX_VERSION|INVALID_IMAGE": "NVRTC or the "
    "driver does not know this GPU; CUDA 13 knows sm_75 and newer, CUDA 12 older ones too; for a GPU newer than that "
    "update the driver, and NVRTC with torch and CuPy",
}
_place = "set CUPY_CACHE_DIR to a folder that can be written and has room"


@contextmanager
def explained(file: str) -> Iterator[None]:
    """Says what to do about an installation that cannot compile, and which kernel file does not compile."""
    try:
        yield
    except (cupy().cuda.compiler.CompileException, RuntimeError) as error:
        remedy = next((remedy for said, remedy in REMEDIES.items() if re.search(said, str(error))), None)
        if remedy:
            raise CompilerMissingError(f"CuPy cannot run kernels ({str(error).strip()}): {remedy}") from None
        if isinstance(error, RuntimeError):
            raise
        raise KernelCompileError(refusal(file, "NVRTC", str(error))) from None
    except OSError as error:
        raise KernelCompileError(f"CuPy cannot keep what it compiles ({error}): {_place}") from None


@cache
def cupy() -> Any:
    """The cupy module."""
    try:
        import cupy
        import cupy.cuda.compiler
    except (ImportError, RuntimeError) as error:
        raise CompilerMissingError(f"CuPy is not usable ({error}): {_install}") from None
    except OSError as error:  # it makes a folder
        raise CompilerMissingError(f"CuPy is not usable ({error}): {_place}") from None
    try:
        attrgetter(*NEEDED)(cupy)
    except AttributeError as error:
        raise CompilerMissingError(f"CuPy {cupy.__version__} does not fit ({error}), expected 14: {_install}") from None
    return cupy


def check(index: int | None) -> None:
    """Raises CompilerMissingError unless CuPy can compile a kernel and, where there is a GPU, load it there."""
    nvrtc = cupy().cuda.nvrtc
    with explained("an empty kernel"):
        nvrtc.getVersion()
        if torch.cuda.is_available():
            with torch.cuda.device(index):  # None: the current one
                _module('extern "C" __global__ void nothing() {}', ()).get_function("nothing")


@cache
def _module(text: str, defines: tuple[str, ...]) -> Any:
    return cupy().RawModule(code=text, options=(*FLAGS, *(f"-D{d}" for d in defines)))


@cache
def load(kernel: Kernel, defines: tuple[str, ...], device: int, generation: int) -> tuple[Any, tuple[Any, ...]]:
    """The kernel compiled for that device, and for each parameter its NumPy type, None for an array."""
    text, parameters = kernel.source()
    with explained(kernel.file):
        function = _module(text, defines).get_function(kernel.name)
    return function, tuple(None if "*" in p.type else NUMPY[p.type] for p in parameters)


def launch(
    kernel: Kernel,
    defines: tuple[str, ...],
    grid: tuple[int, int, int],
    block: int,
    arguments: tuple,
    device: torch.device,
) -> None:
    """Queues the kernel on torch's current stream of `device`."""
    with torch.cuda.device(device):
        # Looked up at every launch: a cached stream is wrong under another stream, thread or graph capture.
        stream = cupy().cuda.Stream.from_external(Stream(torch.cuda.current_stream()))
        function, types = load(kernel, defines, torch.cuda.current_device(), source.generation)
        values = tuple(to_cupy(a) if t is None else t(a) for a, t in zip(arguments, types, strict=True))
        function(grid, (block,), values, stream=stream)
