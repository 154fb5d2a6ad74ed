"""The compiler makes SIMD code of a step: a branch or an array in the way makes it several times slower."""

import re
import subprocess

import pytest
import torch
from conftest import LATER

from indrnn_cupy.check.recurrences import FIRST, RECURRENCES
from indrnn_cupy.ops import cpu
from indrnn_cupy.ops.cell import read_cell
from indrnn_cupy.ops.cell_kernels import kernels
from indrnn_cupy.runtime import compiler, host, source

OWN = {
    "two states and an output": "INLINE auto f(Input auto x, Weight auto u, State auto h, State auto c) {"
    "const auto d = fma(sigmoid(x), tanh(h) - c, c); return states(u * d, d).output(softplus(d) + log1p(exp(x))); }",
    "a spike and a choice": "INLINE auto f(Input auto x, Weight auto u, State auto h) {"
    "const auto v = fma(u, h, x); return where(v > 1, fmin(v, exp(-v)), v - spike(v - 1)); }",
    "rows": "INLINE auto f(Input auto x, Weights<3> auto a, State auto h) {"
    "return fma(a[0], h, a[1] * sqrt(fabs(x)) + pow<3>(a[2])); }",
}


def each_kernel():
    for recurrence in RECURRENCES:
        if recurrence.key:
            marks = pytest.mark.slow if recurrence.name in LATER else []
            for kernel in recurrence.kernels:
                yield pytest.param(kernel, id=f"{recurrence}-{kernel.name}", marks=marks)
            marks = [] if recurrence is FIRST[0] else pytest.mark.slow
            for kernel in recurrence.block_kernels[:-2] if recurrence in FIRST else ():
                yield pytest.param(kernel, id=f"{recurrence}-{kernel.name}-block", marks=marks)
    for name, text in OWN.items():
        for kernel in kernels(read_cell(text=f'#include "cell.cuh"\n{text}'))[:2]:
            yield pytest.param(kernel, id=f"{name}-{kernel.name}")


@pytest.mark.parametrize("kernel", [*each_kernel()])
def test_the_lanes_of_a_step_are_one_simd_loop(kernel):
    command, (flags, macros) = compiler.command(), compiler.flags()
    if "__clang__" in macros:
        pytest.skip("GCC says which loops it vectorised")
    lines = (source.KERNELS / "recurrence.cuh").read_text().splitlines()
    (line,) = (n for n, text in enumerate(lines, 1) if "EACH_LANE(v, width) {" in text and "int d = 0" in lines[n])
    text, parameters = kernel.source()
    text += host.GRID.format(name=kernel.name, arguments=host.arguments_from_words(parameters))
    defines = [f"-D{d}" for d in cpu.layout(kernel, torch.float32, False, False, kernel.defines)]
    done = subprocess.run(
        [*command, *flags, *defines, "-fopt-info-vec-optimized", "-x", "c++", "-S", "-o", "/dev/null", "-"],
        input=text,
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.search(rf"recurrence\.cuh:{line}:\d+: optimized: loop vectorized", done.stderr)
