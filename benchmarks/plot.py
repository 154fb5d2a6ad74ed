"""Plots the figures of a benchmark as points, one panel per shape."""

from pathlib import Path

from .output import subplots


def draw(rows: list[dict], path: Path) -> None:
    """`rows` have shape, function, passes and ms; the scale is logarithmic."""
    shapes = list(dict.fromkeys(row["shape"] for row in rows))
    counts = [sum(row["shape"] == shape for row in rows) for shape in shapes]
    figure, axes = subplots(len(shapes), 1, figsize=(9, 1 + 0.27 * sum(counts)), height_ratios=counts)
    for axis, shape in zip(axes, shapes, strict=True):
        mine = [row for row in rows if row["shape"] == shape][::-1]
        for place, row in enumerate(mine):
            colour = "tab:blue" if any(word in row["function"] for word in ("kernel", "IndRNN", "F.")) else "tab:gray"
            axis.plot(row["ms"], place, "o", color=colour)
            axis.annotate(f"{row['ms']:.3g}", (row["ms"], place), (7, -3), textcoords="offset points", fontsize=8)
        axis.set_yticks(range(len(mine)), [f"{row['function']}: {row['passes']}" for row in mine])
        axis.set(xscale="log", xlabel="ms", title=f"T, B, H = {', '.join(map(str, shape))}")
        axis.margins(x=0.15)
        axis.grid(axis="y", color="0.9")
        axis.tick_params(labelsize=8)
        axis.xaxis.set_major_formatter(lambda ms, _: f"{ms:g}")
        axis.xaxis.set_minor_formatter(lambda ms, _: "")
    figure.suptitle("milliseconds, less is better; blue: this package", fontsize=10)
    figure.savefig(path, dpi=120)
