"""Compares IndRNN on a CPU with alternatives: `python -m benchmarks.indrnn`.

All functions of a shape run interleaved in one process, float32, all with freed memory reused; figures are medians.
Writes results.csv and results.png.
"""

import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # for a shared machine; torch's own layers take longer then

import torch

import indrnn_cupy
from indrnn_cupy import functional as F
from indrnn_cupy.ops.cell_kernels import kernels as cell_kernels
from indrnn_cupy.ops.cells import cell_of
from indrnn_cupy.ops.launch import launch
from indrnn_cupy.ops.sequence import Steps

from .output import write_csv
from .peers import Pair, jax_scan, layer, loop, with_backward
from .plot import draw
from .timing import conditions, medians

Functions = dict[tuple[str, str], Callable[[], object]]  # (name, passes)
COPY = ("copy_ of one tensor", "forward")
# For each shape, the number of repeats, and of consecutive calls in each.
SHAPES = {(784, 32, 128): (15, 3), (784, 128, 512): (7, 2), (20, 128, 512): (21, 10), (2, 1, 8): (41, 200)}


def kernels(T: int, B: int, H: int) -> Functions:
    """Only the kernels, into memory that is already allocated, like `copy_`."""
    x, y, grad_y, grad_x = (torch.randn(T, B, H) for _ in range(4))
    u, h0, h_n, rows, grad_h0 = torch.rand(H), *torch.zeros(4, B, H).unbind()
    functions: Functions = {COPY: lambda: grad_x.copy_(x)}

    def add(activation: str) -> None:
        forward, backward, *_ = cell_kernels(cell_of(f"indrnn ACTIVATION={activation.capitalize()}"))
        read, written = (grad_y, y, h0, u, h_n), (grad_x, None, rows, grad_h0)
        functions[f"kernel, {activation}", "forward"] = lambda: launch(
            forward, forward.defines, Steps(), (x, u, h0, y, h_n)
        )
        functions[f"kernel, {activation}", "backward"] = lambda: launch(
            backward, backward.defines, Steps(), (*read, *written)
        )

    for activation in ("relu", "tanh", "sigmoid"):
        add(activation)
    return functions


def calls(T: int, B: int, H: int) -> Iterator[Functions]:
    """Complete calls, into new memory: ours and the alternatives, in groups."""
    x, u, gradient = torch.randn(T, B, H), torch.rand(H), torch.randn(T, B, H)
    yield named("F.indrnn", with_backward(lambda x, u: F.indrnn(x, u)[0], (x, u), gradient))
    if T == 2 or x.numel() > 1 << 24:
        return
    yield named("loop over unbind(x)", with_backward(loop, (x, u), gradient))
    if scan := jax_scan(x, u, gradient):
        yield named("jax.lax.scan, jit", scan)
    if T <= 20:  # longer loops take torch.compile minutes
        yield named("torch.compile of the loop", with_backward(torch.compile(loop), (x, u), gradient))
    if H <= 128:
        for name, module in (("IndRNN", indrnn_cupy.IndRNN), ("nn.GRU", torch.nn.GRU), ("nn.LSTM", torch.nn.LSTM)):
            yield named(f"{name}, a layer", layer(module(H, H), x, gradient))


def named(name: str, pair: Pair) -> Functions:
    return {(name, "forward"): pair[0], (name, "forward and backward"): pair[1]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark_indrnn"), help="folder for the results")
    folder = parser.parse_args().output
    torch.manual_seed(0)
    indrnn_cupy.reuse_freed_memory()
    print(conditions())
    rows: list[dict[str, object]] = []
    for shape, (repeats, burst) in SHAPES.items():
        print(f"\n{shape!s:<27}{'':<22}{'ms':>10}{'copies':>9}")
        functions = kernels(*shape)
        for group in calls(*shape):
            functions |= group
        seconds = medians(functions, repeats, burst)
        for (name, passes), s in seconds.items():
            copies = s / seconds[COPY]
            rows.append({"shape": shape, "function": name, "passes": passes, "ms": 1e3 * s, "copies": copies})
            print(f"{name:<27}{passes:<22}{1e3 * s:10.4f}{copies:9.2f}")
    write_csv(rows, folder / "results.csv")
    draw(rows, folder / "results.png")
    print(f"\n{folder}/results.csv and results.png")


if __name__ == "__main__":
    main()
