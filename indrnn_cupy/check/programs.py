"""Every program that a recurrence may run on a GPU, compiled by NVRTC; no GPU needed."""

import time
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

import torch

from ..ops import gpu
from ..ops.chunks import STARTS
from ..ops.sequence import TYPES, SequenceKernel
from ..runtime import cuda
from . import ARCHITECTURES
from .emulated_gpu import nvrtc
from .machine_code import Resources, disassembler, loads_in_flight, resources
from .recurrences import Recurrence


class Program(NamedTuple):
    """A kernel with its defines."""

    kernel: SequenceKernel
    defines: tuple[str, ...]


class Compiled(NamedTuple):
    resources: Resources
    loads_in_flight: int | None  # unknown without a disassembler
    seconds: float  # to compile the program
    warnings: str


def programs(recurrence: Recurrence, dtype: torch.dtype, resets: bool) -> Iterator[Program]:
    """The kernels of a recurrence and, if there are any, the passes over chunks of time."""
    for kernel in recurrence.kernels:
        yield Program(kernel, gpu.layout(kernel, dtype, resets, False, kernel.defines))
    for kernel, summary in zip(recurrence.kernels, recurrence.chunks, strict=False):
        part, own = (Program(k, gpu.layout(k, dtype, resets, True, k.defines)) for k in (summary.kernel, kernel))
        if summary.clamped and not _compiles(part):  # a cell without a summary; see ops/chunks.py
            continue
        yield from (part, own)
        clamped = (f"CLAMPED={summary.clamped:d}",)
        yield Program(STARTS, gpu.layout(STARTS, TYPES[dtype][2], False, False, clamped))


def block_programs(recurrence: Recurrence, dtype: torch.dtype, resets: bool) -> Iterator[Program]:
    """The programs that run it with a norm and a dropout."""
    for kernel in recurrence.block_kernels:
        yield Program(kernel, gpu.layout(kernel, dtype, resets, False, kernel.defines))


def _compiles(program: Program) -> bool:
    try:
        compile_program(program, ARCHITECTURES[0])
        return True
    except cuda.cupy().cuda.compiler.CompileException:
        return False


@cache
def compile_program(program: Program, architecture: str) -> dict[str, Compiled]:
    """Compiles a program, by kernel of its file; raises CuPy's CompileException."""
    text, _ = program.kernel.source()
    options = (*cuda.FLAGS, *(f"-D{d}" for d in program.defines), "--ptxas-options=-v")
    started = time.perf_counter()
    code, log = nvrtc.compile(text, architecture, options)
    seconds = time.perf_counter() - started
    assert isinstance(code, bytes)
    loads = loads_in_flight(code) if disassembler() else {}
    warnings = "\n".join(line for line in log.splitlines() if "warning" in line)
    return {name: Compiled(found, loads.get(name), seconds, warnings) for name, found in resources(log).items()}
