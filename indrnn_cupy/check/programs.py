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
from .emulated_gpu import nvrtc
from .machine_code import Resources, disassembler, loads_in_flight, resources
from .recurrences import Recurrence


class Program(NamedTuple):
    """A kernel file with its defines; the kernels that are launched from it."""

    kernels: tuple[SequenceKernel, ...]
    defines: tuple[str, ...]

    @property
    def file(self) -> str:
        return self.kernels[0].file


class Compiled(NamedTuple):
    resources: Resources
    loads_in_flight: int | None  # unknown without a disassembler
    seconds: float  # that the program took to compile
    warnings: str


def programs(recurrence: Recurrence, dtype: torch.dtype, resets: bool) -> Iterator[Program]:
    """The plain kernels, and the three passes of chunks of time, if there are any."""
    plain, chunked = (gpu.layout(recurrence.kernels[0], dtype, resets, c, recurrence.defines) for c in (False, True))
    yield Program(recurrence.kernels, plain)
    if not recurrence.summaries:
        return
    together = recurrence.kernels[0].file == recurrence.summaries[0].file
    yield Program((*recurrence.kernels, *(recurrence.summaries if together else ())), chunked)
    if not together:
        yield Program(recurrence.summaries, chunked)
    for clamped in (0, 1):
        yield Program((STARTS,), gpu.layout(STARTS, TYPES[dtype][2], False, False, (f"CLAMPED={clamped}",)))


@cache
def compile_program(program: Program, architecture: str) -> dict[str, Compiled]:
    """By kernel; raises CuPy's CompileException."""
    (source,) = {kernel.source()[0] for kernel in program.kernels}
    options = (*cuda.FLAGS, *(f"-D{d}" for d in program.defines), "--ptxas-options=-v")
    started = time.perf_counter()
    code, log = nvrtc.compile(source, architecture, options)
    seconds = time.perf_counter() - started
    assert isinstance(code, bytes)
    loads = loads_in_flight(code) if disassembler() else {}
    warnings = "\n".join(line for line in log.splitlines() if "warning" in line)
    return {name: Compiled(found, loads.get(name), seconds, warnings) for name, found in resources(log).items()}
