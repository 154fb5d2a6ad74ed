"""A GPU emulated with numpy, for machines without one.

NVRTC compiles a kernel for real; the PTX that it emits is executed here, one block at a time, with each thread of the
block as a lane of numpy arrays. What a GPU reports late, or not at all, raises a `Fault` at once: an access outside an
argument, between the rows of a slice, misaligned or through a null pointer, a race between warps, an access to what
another block wrote, threads at different barriers. `installed()` puts a stand-in where a program looks for CuPy, so
that its own launch code runs.

This tests PTX, not the driver's translation of it: approximate instructions (ex2, rcp, tanh...) are computed exactly,
and races inside a warp are not detected. There are no atomics, no local memory and no calls: an unknown instruction
raises an `UnknownInstruction` that shows its text.
"""

from .faults import Fault, UnknownInstruction
from .machine import run
from .nvrtc import compile
from .stand_in_cupy import LaunchRecord, installed

__all__ = ["Fault", "LaunchRecord", "UnknownInstruction", "compile", "installed", "run"]
