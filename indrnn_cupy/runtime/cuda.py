"""Kernels on a GPU: compiled by NVRTC and launched by CuPy on torch's current device and stream."""

from functools import cache
from typing import Any

import numpy as np
import torch

from . import source
from .bridge import to_cupy
from .errors import CompilerMissingError, KernelCompileError
from .kernel import Kernel

# fma is written out in the kernels, as for the host, so that both round alike.
FLAGS = ("--std=c++17", "--fmad=false")
# CuPy passes a Python int as 64 bits and a float as a double, whatever the kernel declares.
NUMPY: dict[str, Any] = {"long long": np.int64}


def cupy() -> Any:
    """The cupy module."""
    try:
        import cupy
        import cupy.cuda.compiler
    except (ImportError, OSError, RuntimeError) as error:  # OSError: no place for the cache folder that CuPy makes
        raise CompilerMissingError(
            f"CuPy is not usable ({error}): pip install 'indrnn-cupy[cuda13]', or [cuda12] for torch with CUDA 12"
        ) from None
    return cupy


@cache
def _module(text: str, defines: tuple[str, ...]) -> Any:
    return cupy().RawModule(code=text, options=(*FLAGS, *(f"-D{d}" for d in defines)))


@cache
def load(kernel: Kernel, defines: tuple[str, ...], device: int, generation: int) -> tuple[Any, tuple[Any, ...]]:
    """The kernel compiled for that device, and for each parameter its NumPy type, None for an array."""
    text, parameters = kernel.source()
    try:
        function = _module(text, defines).get_function(kernel.name)
    except cupy().cuda.compiler.CompileException as error:
        raise KernelCompileError(f"{kernel.file} does not compile with NVRTC:\n{error}") from None
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
        stream = cupy().cuda.Stream.from_external(torch.cuda.current_stream())
        function, types = load(kernel, defines, torch.cuda.current_device(), source.generation)
        with stream:
            values = tuple(to_cupy(a) if t is None else t(a) for a, t in zip(arguments, types, strict=True))
            function(grid, (block,), values, stream=stream)
