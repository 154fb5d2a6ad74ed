"""Kernels on a CPU: compiled by the host C++ compiler, called through ctypes."""

import ctypes
import hashlib
import importlib.util
import os
import shlex
import shutil
import struct
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch

from . import disk, process_folder, source
from .errors import CompilerMissingError, KernelCompileError, refusal, shown
from .kernel import Kernel

# What is written is what is computed: no -ffast-math (NaN comes through), no contraction (fma is written out).
FLAGS = (
    *("-x", "c++", "-std=c++20", "-O3", "-march=native", "-fPIC", "-shared"),
    *("-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off"),
)
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
def compiler() -> tuple[str, ...]:
    """The command of the host C++ compiler: $CXX, else g++, clang++, or the `ziglang` package."""
    if chosen := os.environ.get("CXX", "").strip():
        try:
            command = shlex.split(chosen)
        except ValueError as error:
            raise KernelCompileError(f"CXX is {chosen!r}, which is no command: {error}") from None
        if not (found := shutil.which(command[0])):
            raise KernelCompileError(
                f"CXX names the compiler {command[0]!r}, which is not on PATH; correct or unset CXX"
            )
        # It runs in another folder than this one.
        return (os.path.abspath(found) if os.sep in command[0] else command[0], *command[1:])
    for name in ("g++", "clang++"):
        if shutil.which(name):
            return (name,)
    if importlib.util.find_spec("ziglang"):
        return (sys.executable, "-m", "ziglang", "cc")
    raise CompilerMissingError("no C++ compiler found: install g++ or clang++, or run `pip install ziglang`")


@cache
def _flags() -> tuple[tuple[str, ...], str]:
    """The flags for this compiler, and what identifies it: its predefined macros name its version and the CPU."""
    try:
        macros = _run([*compiler(), *FLAGS, "-dM", "-E", "-"], "")
    except KernelCompileError as error:
        raise KernelCompileError(f"the C++ compiler {shown(' '.join(compiler()))} does not work: {error}") from None
    flags = list(FLAGS)
    if "__AVX512F__" in macros:
        flags.append("-mprefer-vector-width=512")  # compilers keep to 256 bits by themselves; worth a tenth
    if "ziglang" in compiler():
        flags += ["-nostdlib", "-fno-exceptions", "-fno-rtti"]
    elif "__clang__" not in macros:  # clang may come without OpenMP
        flags.append("-fopenmp")
    return tuple(flags), macros


def _run(command: list[str], text: str, workshop: Path | None = None) -> str:
    """What a command prints; in the workshop, where its files are cleared and no header lies that the key omits."""
    environment = {**os.environ, "LC_ALL": "C"}
    if workshop:
        environment["TMPDIR"] = str(workshop)
    if "ziglang" in command:
        place = disk.folder()
        zig = str((place if os.access(place, os.W_OK) else process_folder.path()) / "zig")
        environment = {"ZIG_GLOBAL_CACHE_DIR": zig, "ZIG_LOCAL_CACHE_DIR": zig, **environment}
    try:
        done = subprocess.run(
            command,
            input=text,
            capture_output=True,
            encoding="utf-8",
            errors="backslashreplace",
            env=environment,
            cwd=workshop,
        )
    except OSError as error:
        raise KernelCompileError(f"it cannot be started: {shown(error)}; check CXX and PATH") from None
    if done.returncode < 0 or "Killed signal" in done.stderr:
        raise KernelCompileError("it was killed, as happens where memory is short; free some and run again")
    if done.returncode:
        raise KernelCompileError(done.stderr or f"it ended with status {done.returncode}")
    return done.stdout


@cache
def load(kernel: Kernel, defines: tuple[str, ...], generation: int) -> tuple[Callable[..., None], Callable[..., bytes]]:
    """The compiled kernel as a function of grid x, y, z, threads and its packed arguments, and what packs those."""
    text, parameters = kernel.source()
    flags, compiler_identity = _flags()
    text += GRID.format(name=kernel.name, arguments=arguments_from_words(parameters))
    flags = (*flags, *(f"-D{d}" for d in defines))
    identity = "\0".join([text, *flags, *compiler(), compiler_identity]).encode(errors="surrogateescape")
    key = hashlib.sha256(identity).hexdigest()[:32]

    def build(output: Path) -> None:
        try:
            _run([*compiler(), *flags, "-o", str(output), "-"], text, output.parent)
            if not output.exists():
                raise KernelCompileError(
                    "it wrote no file; CXX must name a C++ compiler, without flags that stop it early"
                )
        except KernelCompileError as error:
            if "No space left on device" in str(error):
                raise KernelCompileError(
                    f"no room to compile in {shown(output.parent)}; set TMPDIR to a folder with room"
                ) from None
            raise KernelCompileError(refusal(kernel.file, shown(" ".join(compiler())), str(error))) from None

    library = disk.get(f"{kernel.name}-{key}.so", build, lambda path: ctypes.CDLL(str(path)))
    function = getattr(library, f"{kernel.name}_grid")
    function.restype = None
    function.argtypes = [ctypes.c_uint, ctypes.c_uint, ctypes.c_uint, ctypes.c_int, ctypes.c_char_p]
    return function, struct.Struct(f"{len(parameters)}q").pack


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
