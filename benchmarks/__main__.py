"""Compares every recurrence with its alternatives: `python -m benchmarks`, or with `--quick` in two minutes.

Forward, and forward and backward, by length, width and batch: time, also in copies of the same number of bytes, and the
memory saved for backward; first calls and calls on tiny inputs. Medians of interleaved runs, float32. Writes
results.csv, overheads.csv, results.png and machine.txt. Waiting threads spin, unless OMP_WAIT_POLICY is passive, as it
should be on a busy machine. Alternatives that are not installed are listed and skipped. If torch can use a GPU,
everything runs there, timed by its events. `python -m benchmarks.gated` and others measure in more detail.
"""

import argparse
from pathlib import Path

import torch

import indrnn_cupy
from indrnn_cupy.check.machine import description

from .output import subplots, write_csv
from .suite import FULL, OURS, QUICK, measure, overheads
from .timing import conditions


def machine() -> str:
    """Versions and processors, without folders."""
    model = next((line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "")
    lines = [line for line in description().splitlines() if not line.startswith(("kernels", "compiled"))]
    return "\n".join([*lines, f"{'':<12} {model.partition(': ')[2]}; {conditions()}"]) + "\n"


def show(rows: list[dict[str, object]]) -> None:
    for row in rows:
        name = f"{row['recurrence']:<18} {row['function']:<40} {row['passes']:<14}"
        figures = f"{row['ms']:10.3f}{row['copies']:9.2f}{row['GB/s']:8.1f}" if "ms" in row else ""
        print(name + figures + (f"{row['kept MiB']:10.2f}" if row.get("kept MiB") else ""))


def draw(rows: list[dict], title: str, path: Path) -> None:
    """Plots the time of the alternatives to each recurrence, divided by its own, forward and backward."""
    timed = [row for row in rows if "ms" in row and row["passes"] == "both"]
    names = list(dict.fromkeys(row["recurrence"] for row in timed))
    figure, axes = subplots(2, (len(names) + 1) // 2, figsize=(11, 6), sharey=True)
    for axis, name in zip(axes.flat, names, strict=False):
        mine = [row for row in timed if row["recurrence"] == name]
        shapes = list(dict.fromkeys((row["T"], row["B"], row["H"]) for row in mine))
        time = {(row["function"], (row["T"], row["B"], row["H"])): row["ms"] for row in mine}
        for function in dict.fromkeys(row["function"] for row in mine):
            ratios = [time.get((function, shape), float("nan")) / time[OURS, shape] for shape in shapes]
            axis.plot(range(len(shapes)), ratios, "o", label=function)
        axis.set(yscale="log", title=name)
        axis.set_xticks(range(len(shapes)), [", ".join(map(str, shape)) for shape in shapes], rotation=60, fontsize=7)
        axis.legend(fontsize=7)
        axis.grid(axis="y", color="0.9")
    figure.suptitle(title, fontsize=10)
    figure.savefig(path, dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="measure two shapes only")
    folder = Path(__file__).parent / "results"
    parser.add_argument("--output", type=Path, default=folder, help="folder for the results")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    indrnn_cupy.reuse_freed_memory()
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "machine.txt").write_text(machine())
    print(machine())
    rows: list[dict[str, object]] = []
    for shape in QUICK if options.quick else FULL:
        print(f"\n{tuple(shape)!s:<59}{'passes':<14}{'ms':>10}{'copies':>9}{'GB/s':>8}{'kept MiB':>10}")
        found = measure(shape, device, repeats=9, burst=1)
        show(found)
        rows += found
    print(f"\n{'':<20}{'first call, s':>16}{'call, us':>12}{'with backward':>16}")
    of_calls = []
    for row in overheads(device):
        of_calls.append(row)
        name, first, forward, both = row.values()
        print(f"{name:<20}{'' if first is None else f'{first:.1f}':>16}{forward:12.0f}{both:16.0f}")
    write_csv(rows, options.output / "results.csv")
    write_csv(of_calls, options.output / "overheads.csv")
    title = "time, relative to the kernel, forward and backward, by T, B, H"
    draw(rows, f"{title}; float32, {device}", options.output / "results.png")
    print(f"\n{options.output}: results.csv, overheads.csv, results.png, machine.txt")


if __name__ == "__main__":
    main()
