"""Kernels on a CPU: compiled by the host C++ compiler, called through ctypes."""

import ctypes
import hashlib
import struct
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from threading import Thread

import torch

from . import compiler, disk, source
from .errors import KernelCompileError, KernelError, refusal, shown
from .kernel import Kernel

# Runs every block of the grid; blocks are independent, so they go to as many threads as torch uses.
GRID = """
#line 1 "the host launcher"
extern "C" void {name}_grid(unsigned x, unsigned y, unsigned z, int threads, const long long* words) {{
    #pragma omp parallel for num_threads(threads) if (threads > 1)
    for (long long block = 0; block < (long long)x * y * z; ++block) {{
        gridDim = {{x, y, z}};
        blockIdx = {{unsigned(block % x), unsigned(block / x % y), unsigned(block / x / y)}};
        {name}({arguments});
        __sync_synchronize();  // stores that went around the cache are seen by whoever reads next
    }}
}}
"""


def arguments_from_words(parameters: tuple[source.Parameter, ...]) -> str:
    """The C arguments of a kernel, out of an array `words` with one of 64 bits for each."""
    return ", ".join(f"({p.type})words[{place}]" for place, p in enumerate(parameters))


@cache
def load(kernel: Kernel, defines: tuple[str, ...], generation: int) -> tuple[Callable[..., None], Callable[..., bytes]]:
    """The compiled kernel as a function of grid x, y, z, threads and its packed arguments, and what packs those."""
    text, parameters = kernel.source()
    flags, compiler_identity = compiler.flags()
    text += GRID.format(name=kernel.name, arguments=arguments_from_words(parameters))
    flags = (*flags, *(f"-D{d}" for d in defines))
    identity = "\0".join([text, *flags, *compiler.command(), compiler_identity]).encode(errors="surrogateescape")
    key = hashlib.sha256(identity).hexdigest()[:32]

    def build(output: Path) -> None:
        try:
            compiler.run([*compiler.command(), *flags, "-o", str(output), "-"], text, output.parent)
            if not output.exists():
                raise KernelCompileError(
                    "it wrote no file; CXX must name a C++ compiler, without flags that stop it early"
                )
        except KernelCompileError as error:
            if "No space left on device" in str(error):
                raise KernelCompileError(
                    f"no room to compile in {shown(output.parent)}; set TMPDIR to a folder with room"
                ) from None
            raise KernelCompileError(refusal(kernel.file, shown(" ".join(compiler.command())), str(error))) from None

    library = disk.get(f"{kernel.name}-{key}{compiler.LIBRARY}", build, lambda path: ctypes.CDLL(str(path)))
    function = getattr(library, f"{kernel.name}_grid")
    function.restype = None
    function.argtypes = [ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_int, ctypes.c_char_p]
    return function, struct.Struct(f"{len(parameters)}q").pack


@cache
def prepare(kernel: Kernel, defines: tuple[str, ...], generation: int) -> None:
    """Starts compiling, in the background, a kernel that is needed later. Its launch reports errors."""

    def compile_beside() -> None:
        with suppress(KernelError, KeyboardInterrupt):
            load(kernel, defines, generation)

    compiler.flags()
    with suppress(RuntimeError):  # no more threads: it is compiled when it is needed
        Thread(target=compile_beside).start()


def launch(
    kernel: Kernel,
    defines: tuple[str, ...],
    grid: tuple[int, int, int],
    threads: int,
    tensors: tuple[torch.Tensor | None, ...],
    numbers: list[int],
) -> None:
    """Runs the kernel on its tensors and then its whole numbers, and waits for it."""
    function, pack = load(kernel, defines, source.generation)
    pointers = [0 if tensor is None else tensor.data_ptr() for tensor in tensors]
    function(*grid, threads, pack(*pointers, *numbers))  # one block of words: ctypes is slow with many arguments
