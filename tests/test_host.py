"""The host compiler: which one is taken, and what happens without one."""

import math
import mmap
import os
import subprocess
import sys

import pytest
import torch

from indrnn_cupy.ops.cell_backward import backward_op
from indrnn_cupy.ops.cell_forward import forward_op
from indrnn_cupy.ops.cpu import LANES, grid

CODE = """
import torch, indrnn_cupy
from indrnn_cupy import functional as F, reference
for size in (7, 300_000):  # the larger one is written around the cache
    x, u = torch.randn(5, 3, size), torch.rand(size)
    torch.testing.assert_close(F.indrnn(x, u)[0], reference.indrnn(x, u)[0])
print("right")
"""
COMPILED = """
compiled = torch.compile(lambda x: F.indrnn(x, u)[0], backend="eager", fullgraph=True)
torch.testing.assert_close(compiled(x), reference.indrnn(x, u)[0])
"""
# Hides the compiler that pip may have brought; an empty PATH hides the others.
WITHOUT_ZIG = """
import importlib.util
find_spec = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "ziglang" else find_spec(name, *rest)
"""


def run(cache, **environment):
    full = {**os.environ, "INDRNN_CUPY_CACHE_DIR": str(cache), **environment}
    return subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, env=full)


def test_without_a_compiler_the_answer_is_right_with_one_warning(tmp_path):
    environment = {**os.environ, "PATH": "", "INDRNN_CUPY_CACHE_DIR": str(tmp_path / "cache")}
    environment.pop("CXX", None)
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ZIG + CODE + COMPILED], capture_output=True, text=True, env=environment
    )
    assert done.stdout == "right\n", done.stderr
    assert done.stderr.count("UserWarning") == 1 and "install g++ or clang++" in done.stderr


def test_without_a_compiler_edited_kernels_are_not_passed_over(tmp_path):
    (tmp_path / "indrnn.cu").write_text("")
    environment = {**os.environ, "PATH": "", "INDRNN_CUPY_KERNELS": str(tmp_path)}
    environment.pop("CXX", None)
    done = subprocess.run([sys.executable, "-c", WITHOUT_ZIG + CODE], capture_output=True, text=True, env=environment)
    assert "CompilerMissingError" in done.stderr and str(tmp_path) in done.stderr


def test_cxx_chooses_the_compiler(tmp_path):
    assert run(tmp_path, CXX="g++ -O1").stdout == "right\n"


@pytest.mark.parametrize(
    ("cxx", "message"),
    [
        ("no-such-compiler -O2", "CXX names the compiler 'no-such-compiler', which"),
        ("false", "compiler false does not work: it ended with status 1"),
        ("'g++", "which is no command"),
        ("true", "it wrote no file"),
        ("g++ -fsyntax-only", "it wrote no file; CXX must name a C++ compiler"),
        ("sh -c 'kill -9 $$'", "it was killed, as happens where memory is short"),
        ("sh -c 'case $* in *-dM*) ;; *) echo No space left on device >&2; exit 1; esac' sh", "no room to compile in"),
    ],
)
def test_wrong_cxx_is_an_error(tmp_path, cxx, message):
    done = run(tmp_path, CXX=cxx)
    assert "KernelCompileError" in done.stderr and message in done.stderr


@pytest.mark.parametrize("tile", [512, 2048])
def test_no_thread_owns_more_lanes_than_a_tile(tile):
    for batch in (1, 2, 3, 5, 16, 33, 100, 1000):
        for hidden in (1, 63, 64, 130, 1000, 2048, 2049, 4160, 8200):
            for threads in (1, 2, 7, 64):
                row_blocks, unit_blocks, _ = grid(tile, batch, hidden, threads)
                units = math.ceil(math.ceil(hidden / unit_blocks) / LANES) * LANES  # as the kernel divides them
                assert 1 <= row_blocks <= batch and math.ceil(batch / row_blocks) * units <= tile


def test_addresses_have_64_bits():
    """Strides beyond 2 ** 31 elements, over memory of which few pages are ever touched."""
    T, B, H, stride = 3, 2, 64, 2**31 + 64
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | 0x4000  # MAP_NORESERVE
    memory = mmap.mmap(-1, 2 * ((T - 1) * stride + B * H), flags=flags)
    far = torch.frombuffer(memory, dtype=torch.bfloat16).as_strided((T, B, H), (stride, H, 1))
    x, u, grad = torch.randn(T, B, H).bfloat16(), torch.rand(H), torch.randn(T, B, H).bfloat16()
    name, steps = "indrnn ACTIVATION=Tanh", (None, None, False, None, 1)
    y, h_n = forward_op(name, [x], [u], [None], *steps)
    for a, e in zip(forward_op(name, [far.copy_(x)], [u], [None], *steps), (y, h_n), strict=True):
        assert torch.equal(a, e)
    expected = backward_op(name, grad, [None], [], [u], [None], [y], *steps, 1, 0)
    for far_grad, far_y in ((far.copy_(grad), y), (grad, far)):
        far.copy_(grad if far_y is y else y)
        actual = backward_op(name, far_grad, [None], [], [u], [None], [far_y], *steps, 1, 0)
        assert all(torch.equal(a, e) for a, e in zip(actual, expected, strict=True))
