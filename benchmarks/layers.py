"""Layers next to torch.nn.LSTM and GRU: `python -m benchmarks.layers` draws the picture of the README.

Forward and backward of one layer, 128 to 128 features, 784 time steps, batch 32, float32, with the threads that torch
chooses: the median time of interleaved runs, and the memory that autograd saves for backward.
"""

import argparse
from functools import partial
from pathlib import Path

import torch
from torch import nn

import indrnn_cupy

from .memory import kept_bytes
from .output import subplots, write_csv
from .peers import layer
from .timing import conditions, medians

T, B, H = 784, 32, 128
LAYERS = {
    "IndRNN": indrnn_cupy.IndRNN,
    "MinGRU": indrnn_cupy.MinGRU,
    "SRU": indrnn_cupy.SRU,
    "LRU": indrnn_cupy.LRU,
    "IndyLSTM": indrnn_cupy.IndyLSTM,
    "LIF": indrnn_cupy.LIF,
    "EGRU": indrnn_cupy.EGRU,
    "nn.LSTM": nn.LSTM,
    "nn.GRU": nn.GRU,
}


def measure(repeats: int) -> list[dict[str, object]]:
    x = torch.randn(T, B, H)
    modules = {name: module(H, H) for name, module in LAYERS.items()}
    passes = {}
    for name, module in modules.items():
        gradient = torch.randn_like(module(x)[0])
        passes[name] = layer(module, x, gradient)[1]
    seconds = medians(passes, repeats, 1)
    x.requires_grad_()
    kept = {name: kept_bytes(partial(module, x)) for name, module in modules.items()}
    return [{"layer": name, "ms": 1e3 * seconds[name], "saved MiB": kept[name] / 2**20} for name in LAYERS]


def draw(rows: list[dict], path: Path) -> None:
    figure, axes = subplots(1, 2, figsize=(9, 3), sharey=True)
    names = [row["layer"] for row in rows][::-1]
    colours = ["tab:gray" if name.startswith("nn.") else "tab:blue" for name in names]
    for axis, key, title in zip(
        axes, ("ms", "saved MiB"), ("forward and backward, ms", "saved for backward, MiB"), strict=True
    ):
        bars = axis.barh(names, [row[key] for row in rows][::-1], color=colours)
        axis.bar_label(bars, fmt="%.0f", padding=3, fontsize=8)
        axis.margins(x=0.12)
        axis.set_title(title, fontsize=10)
        axis.spines[["top", "right"]].set_visible(False)
    figure.suptitle(
        f"one layer, {T} time steps, batch {B}, {H} units, float32, {torch.get_num_threads()} CPU cores", fontsize=10
    )
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark_layers"), help="a folder for the results")
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    torch.manual_seed(0)
    indrnn_cupy.reuse_freed_memory()
    print(conditions())
    rows = measure(options.repeats)
    for row in rows:
        print(f"{row['layer']:10}{row['ms']:9.1f} ms{row['saved MiB']:8.1f} MiB")
    write_csv(rows, options.output / "layers.csv")
    draw(rows, options.output / "layers.png")


if __name__ == "__main__":
    main()
