"""A GPU made of numpy, for machines without one.

NVRTC compiles a kernel for real; the PTX that it emits is executed here, one block at a time, every thread of the block
a lane of numpy arrays. What a GPU punishes late, or with wrong numbers, is a `Fault` at once: an access outside an
argument, between the rows of a slice, misaligned or through a null pointer, a race between warps, an access to what
another block wrote, threads at different barriers. `installed()` puts a stand-in where a program looks for CuPy, so
that its own launch code runs.

This tests PTX, not what the driver makes of it: approximate instructions (ex2, rcp, tanh...) are computed exactly, and
races inside a warp go unseen. There are no atomics, no local memory and no calls:
an instruction that is not known is an `UnknownInstruction` that shows its text.
"""

from .faults import Fault, UnknownInstruction
from .machine import run
from .nvrtc import compile
from .stand_in_cupy import LaunchRecord, installed

__all__ = ["Fault", "LaunchRecord", "UnknownInstruction", "compile", "installed", "run"]
