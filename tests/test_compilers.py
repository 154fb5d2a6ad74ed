"""Other compilers and systems: clang++, the `ziglang` package, and what is prepared for macOS."""

import importlib.util
import os
import shutil
import subprocess
import sys

import pytest
import torch

from indrnn_cupy.check.recurrences import FIRST, with_gradients
from indrnn_cupy.ops import cpu
from indrnn_cupy.runtime import compiler, host

ZIG = f"{sys.executable} -m ziglang c++"
with_clang = pytest.mark.skipif(not shutil.which("clang++"), reason="clang++ is not installed")
with_zig = pytest.mark.skipif(not importlib.util.find_spec("ziglang"), reason="ziglang is not installed")
NUMBERS = """
import sys
import torch
from indrnn_cupy.check.recurrences import FIRST, with_gradients
from indrnn_cupy.ops import cpu
(recurrence,) = (r for r in FIRST if r.name == sys.argv[1])
for cpu.STREAM_BYTES in (cpu.STREAM_BYTES, 0):
    torch.save(with_gradients(recurrence.function, torch.load(sys.argv[2])), sys.argv[2] + str(cpu.STREAM_BYTES))
"""
MACOS = """
import platform, sys
import torch
sys.platform, platform.machine = "darwin", lambda: "arm64"
import indrnn_cupy
from indrnn_cupy.runtime import compiler
print(compiler.LIBRARY, compiler.NATIVE)
"""


@pytest.mark.parametrize(
    "cxx", [pytest.param("clang++", marks=with_clang), pytest.param(ZIG, marks=with_zig, id="ziglang")]
)
@pytest.mark.parametrize("recurrence", FIRST, ids=str)
def test_every_compiler_gives_the_same_bits(recurrence, cxx, tmp_path):
    """Also of outputs that are written around the cache."""
    inputs = recurrence.make_inputs(7, 3, 130, torch.float32)
    torch.save(inputs, tmp_path / "numbers")
    environment = {**os.environ, "CXX": cxx, "INDRNN_CUPY_CACHE_DIR": str(tmp_path / "cache")}
    words = [sys.executable, "-c", NUMBERS, recurrence.name, str(tmp_path / "numbers")]
    done = subprocess.run(words, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    expected = with_gradients(recurrence.function, inputs)
    for limit in (cpu.STREAM_BYTES, 0):
        actual = torch.load(tmp_path / f"numbers{limit}")
        assert all(torch.equal(a, e) for a, e in zip(actual, expected, strict=True))


@with_zig
@pytest.mark.parametrize("recurrence", FIRST, ids=str)
def test_kernels_compile_for_macos(recurrence, tmp_path):
    """A library for a Mac's processor is made; it is not run."""
    for kernel in recurrence.kernels:
        text, parameters = kernel.source()
        text += host.GRID.format(name=kernel.name, arguments=host.arguments_from_words(parameters))
        flags = [flag for flag in (*compiler.FLAGS, *compiler.ZIG_FLAGS) if flag != compiler.NATIVE]
        defines = [f"-D{d}" for d in cpu.layout(kernel, torch.float32, False, True, kernel.defines)]
        library = tmp_path / "kernel.dylib"
        target = ["-target", "aarch64-macos", "-mcpu=apple_m1"]
        words = [*ZIG.split(), *target, *flags, *defines, "-o", str(library), "-"]
        environment = {**os.environ, "ZIG_GLOBAL_CACHE_DIR": str(tmp_path), "ZIG_LOCAL_CACHE_DIR": str(tmp_path)}
        done = subprocess.run(words, input=text, capture_output=True, text=True, env=environment)
        assert done.returncode == 0, done.stderr
        assert library.read_bytes()[:8] == b"\xcf\xfa\xed\xfe\x0c\0\0\1"  # Mach-O of 64 bits, ARM64


def test_the_package_is_imported_on_macos():
    done = subprocess.run([sys.executable, "-c", MACOS], capture_output=True, text=True)
    assert done.stdout == ".dylib -mcpu=native\n", done.stderr
