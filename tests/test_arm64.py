"""The kernels of a CPU, built for ARM64 and run by an emulator: `pytest -m arm64`.

Needs `apt install g++-aarch64-linux-gnu qemu-user`.
"""

import shutil
import subprocess

import pytest
import torch
from sanitizers import ARM64, BUILDS, sanitized  # noqa: F401

from indrnn_cupy.check.recurrences import FIRST, RECURRENCES, with_gradients
from indrnn_cupy.layers.block import RecurrentBlock
from indrnn_cupy.ops import cpu
from indrnn_cupy.runtime import compiler, host

TOOLS = (ARM64["compiler"], ARM64["runner"][0])
pytestmark = [
    pytest.mark.arm64,
    pytest.mark.skipif(not all(map(shutil.which, TOOLS)), reason=f"needs {' and '.join(TOOLS)}"),
]


def cases():
    """Every cell in float32; the first of each recurrence in the other types, around the cache, and with SVE."""
    for recurrence in RECURRENCES:
        yield pytest.param(recurrence, torch.float32, False, "armv8-a", id=f"{recurrence}")
    for recurrence in FIRST:
        for dtype in (torch.float64, torch.float16, torch.bfloat16):
            yield pytest.param(recurrence, dtype, False, "armv8-a", id=f"{recurrence}-{dtype}")
        yield pytest.param(recurrence, torch.float32, True, "armv8-a", id=f"{recurrence}-stream")
        yield pytest.param(recurrence, torch.float32, False, "armv9-a", id=f"{recurrence}-sve")


@pytest.mark.parametrize(("recurrence", "dtype", "stream", "build"), list(cases()))
def test_values_and_gradients_have_the_same_bits(recurrence, dtype, stream, build, sanitized, monkeypatch):  # noqa: F811
    monkeypatch.setattr(cpu, "STREAM_BYTES", 0 if stream else cpu.STREAM_BYTES)
    T, B, H = 13, 5, 130
    inputs = recurrence.make_inputs(T, B, H, dtype)
    steps = {"lengths": torch.tensor([13, 0, 5, 9, 1]), "resets": torch.rand(T, B) < 0.2, "reverse": True}
    for options in ({}, steps):
        expected = with_gradients(recurrence.function, inputs, **options, **recurrence.all_kernels)
        with sanitized(build) as ran:
            actual = with_gradients(recurrence.function, inputs, **options, **recurrence.all_kernels)
        assert {kernel.name for kernel in recurrence.kernels} <= set(ran)
        assert all(torch.equal(a, e) for a, e in zip(actual, expected, strict=True))


@pytest.mark.parametrize("build", ["armv8-a", "armv9-a"])
def test_a_block_has_the_same_bits(build, sanitized):  # noqa: F811
    block = RecurrentBlock(70, 0.1)

    def run(x):
        torch.manual_seed(1)
        return block(x)[0]

    x, found = torch.randn(13, 5, 70), []
    for name in (None, build):
        leaf = x.clone().requires_grad_()
        block.zero_grad()
        if name:
            with sanitized(name) as ran:
                z = run(leaf)
                z.square().sum().backward()
            assert {"normalize", "unit_statistics", "normalize_sums", "unit_sums"} <= set(ran)
        else:
            z = run(leaf)
            z.square().sum().backward()
        found.append([z, leaf.grad, *(p.grad.clone() for p in block.parameters())])
    assert all(torch.equal(a, e) for a, e in zip(*found, strict=True))


@pytest.mark.parametrize("recurrence", FIRST, ids=str)
def test_the_launcher_compiles(recurrence, tmp_path):
    """The library that a process loads, with the threads of OpenMP."""
    for kernel in (*recurrence.kernels, *recurrence.block_kernels):
        text, parameters = kernel.source()
        text += host.GRID.format(name=kernel.name, arguments=host.arguments_from_words(parameters))
        flags = [flag for flag in compiler.FLAGS if flag != compiler.NATIVE]
        defines = [f"-D{d}" for d in cpu.layout(kernel, torch.float32, False, False, kernel.defines)]
        words = [TOOLS[0], *flags, "-march=armv8-a", "-fopenmp", *defines, "-o", str(tmp_path / "kernel.so"), "-"]
        done = subprocess.run(words, input=text, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
