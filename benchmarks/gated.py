"""Compares minGRU and minLSTM on a CPU with alternatives: `python -m benchmarks.gated`.

Accuracy of float32 against float64, for the output and the gradient of the gate, with gates closed, half open and open;
time of forward and backward, of recurrences and of layers, at two shapes and by length. Medians of interleaved runs in
one process. Writes length.csv and length.png. Alternatives that are not installed are skipped: minGRU-pytorch, jax.
"""

import argparse
import importlib.util
import os
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # for a shared machine; torch's own layers take longer then

import torch
from torch import Tensor

import indrnn_cupy
from indrnn_cupy import functional as F
from indrnn_cupy import reference

from .output import subplots, write_csv
from .peers import jax_associative_scan, layer, with_backward
from .timing import conditions, medians

Functions = dict[str, Callable[[], object]]
SHAPES = {(512, 16, 128): 9, (1000, 64, 100): 7}
LENGTHS, BATCH, HIDDEN = [8, 32, 128, 512, 2048, 8192, 16384], 4, 128


def log_scan(x: Tensor) -> Tensor:
    """The recurrence of minGRU-pytorch, with its own functions, as its module calls them: (T, B, 2 H) to (T, B, H)."""
    from minGRU_pytorch.minGRU import heinsen_associative_scan_log, log_g

    gate, hidden = x.transpose(0, 1).chunk(2, -1)
    softplus = torch.nn.functional.softplus
    return heinsen_associative_scan_log(-softplus(gate), -softplus(-gate) + log_g(hidden)).transpose(0, 1)


def mingru(x: Tensor) -> Tensor:
    return F.mingru(x, activation="g")[0]


def minlstm(x: Tensor) -> Tensor:
    return F.minlstm(x, activation="g")[0]


def has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


def recurrences(T: int, B: int, H: int, loop: bool = True) -> Functions:
    """Forward and backward from the pre-activations."""
    x, gradient = torch.randn(T, B, 2 * H), torch.randn(T, B, H)
    functions: Functions = {
        "F.mingru": with_backward(mingru, (x,), gradient)[1],
        "F.minlstm": with_backward(minlstm, (torch.randn(T, B, 3 * H),), gradient)[1],
        "F.linear_recurrence": with_backward(
            lambda a, b: F.linear_recurrence(a, b)[0], (torch.rand(T, B, H), torch.randn(T, B, H)), gradient
        )[1],
    }
    if loop:
        plain = with_backward(lambda x: reference.mingru(x, activation="g")[0], (x,), gradient)
        functions["loop over unbind(x), minGRU"] = plain[1]
    if has("minGRU_pytorch"):
        functions["minGRU-pytorch, scan"] = with_backward(log_scan, (x,), gradient)[1]
    if scan := jax_associative_scan(x, gradient):
        functions["jax associative_scan, minGRU"] = scan[1]
    return functions


def layers(T: int, B: int, H: int) -> Functions:
    """Forward and backward of a layer, including its projection and parameters."""
    x, gradient = torch.randn(T, B, H), torch.randn(T, B, H)
    kinds = {
        "MinGRU": indrnn_cupy.MinGRU,
        "MinLSTM": indrnn_cupy.MinLSTM,
        "nn.GRU": torch.nn.GRU,
        "nn.LSTM": torch.nn.LSTM,
    }
    functions: Functions = {name: layer(kind(H, H), x, gradient)[1] for name, kind in kinds.items()}
    if has("minGRU_pytorch"):
        from minGRU_pytorch import minGRU

        module = minGRU(H)
        leaves = [x.transpose(0, 1).contiguous().requires_grad_(), *module.parameters()]
        rows = gradient.transpose(0, 1).contiguous()
        functions["minGRU-pytorch"] = lambda: torch.autograd.grad(module(leaves[0]), leaves, rows)
    return functions


def errors(
    function: Callable[[Tensor], Tensor], exact: Callable[[Tensor], Tensor], x: Tensor, H: int
) -> tuple[float, float]:
    """Errors of the output and of the gradient of the first gate, relative to the largest element; the loss is y^2."""
    found = []
    for f, dtype in ((function, torch.float32), (exact, torch.float64)):
        leaf = x.to(dtype).requires_grad_()
        y = f(leaf)
        (gradient,) = torch.autograd.grad(y.square().sum(), leaf)
        found.append((y.detach().double(), gradient[..., :H].double()))
    output, gate = (((a - e).abs().max() / e.abs().max()).item() for a, e in zip(*found, strict=True))
    return output, gate


def show_accuracy() -> None:
    print(
        f"\n{'error, float32':<24}{'gate bias':>10}" + "".join(f"{f'T = {T:,}':>20}" for T in (256, 1024, 4096, 16384))
    )
    forms = {"F.mingru": (mingru, mingru, 2), "F.minlstm": (minlstm, minlstm, 3)}
    if has("minGRU_pytorch"):
        forms["minGRU-pytorch, scan"] = (log_scan, mingru, 2)
    for name, (function, exact, gates) in forms.items():
        for bias in (-8, 0, 8):
            line = f"{name:<24}{bias:10}"
            for T in (256, 1024, 4096, 16384):
                x = torch.randn(T, 2, gates * 16, generator=torch.Generator().manual_seed(T))
                x[..., :16] += bias
                line += "{:>12.0e}{:>8.0e}".format(*errors(function, exact, x, 16))
            print(line)
    print("each: error of the output, error of the gradient of the gate")


def show_times(title: str, functions: Functions, repeats: int, against: str) -> None:
    seconds = medians(functions, repeats, burst=3)
    print(f"\n{title:<32}{'ms':>9}{'times ' + against:>20}")
    for name, s in seconds.items():
        print(f"{name:<32}{1e3 * s:9.2f}{s / seconds[against]:20.1f}")


def by_length(repeats: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []
    for T in LENGTHS:
        functions = recurrences(T, BATCH, HIDDEN, loop=T <= 2048) | {
            f"{name}, a layer": f for name, f in layers(T, BATCH, HIDDEN).items() if T <= 8192 or "nn" not in name
        }
        for name, s in medians(functions, repeats, burst=1).items():
            rows.append({"steps": T, "function": name, "ms": 1e3 * s})
    return rows


def draw(rows: list[dict], path: Path) -> None:
    """Plots time by length, also relative to F.mingru, or to MinGRU for layers."""
    figure, axes = subplots(2, 2, figsize=(10, 7), sharex=True)
    time = {(row["function"], row["steps"]): row["ms"] for row in rows}
    for column, (ours, title) in enumerate((("F.mingru", "recurrences"), ("MinGRU, a layer", "layers"))):
        for name in dict.fromkeys(row["function"] for row in rows if ("a layer" in row["function"]) == bool(column)):
            steps = [T for T in LENGTHS if (name, T) in time]
            mine = name.startswith(("F.", "Min"))
            style = {"marker": "o", "label": name.removesuffix(", a layer"), "linestyle": "-" if mine else "--"}
            axes[0, column].plot(steps, [time[name, T] for T in steps], **style)
            axes[1, column].plot(steps, [time[name, T] / time[ours, T] for T in steps], **style)
        axes[0, column].set(xscale="log", yscale="log", ylabel="ms", title=f"{title}, forward and backward")
        axes[0, column].legend(fontsize=8)
        axes[1, column].set(yscale="log", xlabel="steps", ylabel=f"time, relative to {ours.removesuffix(', a layer')}")
        axes[1, column].grid(axis="y", color="0.9")
    figure.suptitle(f"batch {BATCH}, {HIDDEN} units, float32, {torch.get_num_threads()} CPU threads", fontsize=10)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark_gated"), help="folder for the results")
    folder = parser.parse_args().output
    torch.manual_seed(0)
    indrnn_cupy.reuse_freed_memory()
    print(f"{conditions()}; forward and backward")
    show_accuracy()
    for shape, repeats in SHAPES.items():
        show_times(f"recurrences, {shape}", recurrences(*shape), repeats, "F.mingru")
        show_times(f"layers, {shape}", layers(*shape), repeats, "MinGRU")
    rows = by_length(repeats=3)
    write_csv(rows, folder / "length.csv")
    draw(rows, folder / "length.png")
    print(f"\n{folder}/length.csv and length.png")


if __name__ == "__main__":
    main()
