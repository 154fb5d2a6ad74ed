"""Every recurrence and what one would use instead: `python -m benchmarks`, or with `--quick` in two minutes.

Forward, and forward and backward, by length, width and batch: time, the ratio to a copy of the same bytes, what is
saved for backward, and the time of each peer with its ratio to the kernel; first calls, and calls on tiny inputs.
Medians of interleaved runs, float32. Waiting threads spin, unless OMP_WAIT_POLICY is passive, as it should be on a busy
machine. Peers that are not installed are named and left out. With a GPU that torch can use, everything runs there,
timed by its events. Writes a table, results.md, and its pictures. `python -m benchmarks.gated` and the like go deeper.
"""

import argparse
from pathlib import Path
from typing import Any

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


def table(rows: list[dict[str, Any]]) -> list[dict[str, str]]:
    """A row for each recurrence, shape and passes; a column for the kernel and for each peer, with its ratio to it."""
    wide: dict[tuple, dict[str, str]] = {}
    times = {(*key_of(row), row["function"]): row["ms"] for row in rows if "ms" in row}
    for row in rows:
        key = key_of(row)
        if (*key, row["function"]) not in times:
            continue
        name, T, B, H, passes = key
        line = wide.setdefault(key, {"recurrence": name, "T, B, H": f"{T}, {B}, {H}", "passes": passes})
        if row["function"] == OURS:
            line |= {"ms": f"{row['ms']:.3g}", "copies": f"{row['copies']:.2f}"}
            line["saved, MiB"] = f"{row['kept MiB']:.1f}" if row["kept MiB"] else ""
        else:
            line[row["function"]] = f"{row['ms']:.3g} ({row['ms'] / times[(*key, OURS)]:.1f}x)"
    return list(wide.values())


def key_of(row: dict[str, Any]) -> tuple[str, int, int, int, str]:
    return row["recurrence"], row["T"], row["B"], row["H"], row["passes"]


def markdown(lines: list[dict[str, str]]) -> str:
    columns = list(dict.fromkeys(column for line in lines for column in line))
    cells = [columns, *([line.get(column, "") for column in columns] for line in lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    texts = ["| " + " | ".join(text.ljust(w) for text, w in zip(row, widths, strict=True)) + " |" for row in cells]
    return "\n".join([texts[0], "|" + "|".join("-" * (w + 2) for w in widths) + "|", *texts[1:]]) + "\n"


def draw(rows: list[dict[str, Any]], device: str, folder: Path) -> None:
    """Two pictures of one shape, forward and backward: peers by their ratio to the kernel, and kernels in copies."""
    shape = next(s for s in (QUICK[0], *FULL) if any(row["T"] == s.T for row in rows))
    mine = [r for r in rows if "ms" in r and r["passes"] == "both" and (r["T"], r["B"], r["H"]) == shape]
    names = list(dict.fromkeys(row["recurrence"] for row in mine))[::-1]
    ours = {row["recurrence"]: row for row in mine if row["function"] == OURS}
    title = f"forward and backward, (T, B, H) = {tuple(shape)}, float32, {device}"
    figure, axis = subplots(figsize=(8, 1 + 0.3 * len(names)))
    for function in dict.fromkeys(row["function"] for row in mine if row["function"] != OURS):
        found = [
            (row["ms"] / ours[row["recurrence"]]["ms"], row["recurrence"])
            for row in mine
            if row["function"] == function
        ]
        axis.plot([ratio for ratio, _ in found], [names.index(name) for _, name in found], "o", label=function)
    axis.axvline(1, color="tab:blue")
    axis.set(xscale="log", xlabel="time, divided by that of the kernel", title=title)
    axis.set_yticks(range(len(names)), names)
    axis.xaxis.set_major_formatter(lambda ratio, _: f"{ratio:g}")
    axis.grid(axis="x", color="0.9")
    axis.legend(fontsize=8)
    figure.savefig(folder / "peers.png", dpi=110)
    figure, axis = subplots(figsize=(8, 1 + 0.3 * len(names)))
    bars = axis.barh(names, [ours[name]["copies"] for name in names], color="tab:blue")
    axis.bar_label(bars, fmt="%.1f", padding=3)
    axis.axvline(1, color="0.5")
    axis.set(xlabel="time, divided by that of copying the same bytes", title=title)
    figure.savefig(folder / "copies.png", dpi=110)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="two shapes")
    folder = Path(__file__).parent / "results"
    parser.add_argument("--output", type=Path, default=folder, help="a folder for the results")
    options = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(0)
    indrnn_cupy.reuse_freed_memory()
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / "machine.txt").write_text(machine())
    print(machine())
    rows: list[dict[str, object]] = []
    for shape in QUICK if options.quick else FULL:
        found = measure(shape, device, repeats=9, burst=1)
        print("\n" + markdown(table(found)))
        if missing := sorted({str(row["function"]) for row in found if "ms" not in row}):
            print(f"not installed: {', '.join(missing)}")
        rows += found
    print(f"\n{'':<20}{'first call, s':>16}{'call, us':>12}{'with backward':>16}")
    of_calls = []
    for row in overheads(device):
        of_calls.append(row)
        name, first, forward, both = row.values()
        print(f"{name:<20}{'' if first is None else f'{first:.1f}':>16}{forward:12.0f}{both:16.0f}")
    write_csv(rows, options.output / "results.csv")
    write_csv(of_calls, options.output / "overheads.csv")
    (options.output / "results.md").write_text(markdown(table(rows)))
    draw(rows, device, options.output)
    print(f"\n{options.output}: results.md, results.csv, overheads.csv, peers.png, copies.png, machine.txt")


if __name__ == "__main__":
    main()
