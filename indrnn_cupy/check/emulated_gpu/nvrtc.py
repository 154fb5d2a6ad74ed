"""Compiles CUDA C++ with the NVRTC that comes with CuPy: no driver and no GPU needed."""

import functools

from cupy.cuda import nvrtc
from cupy.cuda.compiler import CompileException

from .wheels import wheel_files

nvrtc.getVersion()  # loads the library, for which the real module `cupy` must still be in place


@functools.cache
def compile(source: str, arch: str = "compute_90", options: tuple[str, ...] = ()) -> tuple[str | bytes, str]:
    """PTX text for `compute_90`, machine code for `sm_90`, and the compiler's log.

    Options that CuPy adds at a launch and that change the code are added here too. Raises CuPy's exception.
    """
    defaults = [] if any(option.startswith(("-std", "--std")) for option in options) else ["--std=c++17"]
    given = [f"--gpu-architecture={arch}", *header_options(), *options, *defaults, "-ftz=true"]
    program = nvrtc.createProgram(source, "kernel.cu", (), ())
    try:
        nvrtc.compileProgram(program, given)
        log = nvrtc.getProgramLog(program)
        if arch.startswith("sm_"):
            return nvrtc.getCUBIN(program) + b"\0", log  # CuPy cuts off the last byte as if it ended a string
        return nvrtc.getPTX(program).decode(), log
    except nvrtc.NVRTCError:
        raise CompileException(nvrtc.getProgramLog(program), source, "kernel.cu", tuple(given)) from None
    finally:
        nvrtc.destroyProgram(program)


@functools.cache
def architectures() -> tuple[str, ...]:
    """The architectures for which this NVRTC generates machine code."""
    return tuple(f"sm_{number}" for number in nvrtc.getSupportedArchs())


@functools.cache
def header_options() -> tuple[str, ...]:
    """The folder of cuda_fp16.h and cuda_bf16.h, from the wheel of the CUDA runtime."""
    return tuple(f"-I{header.parent}" for header in wheel_files("*/include/cuda_fp16.h")[:1])
