"""The figures of a benchmark as bars, one panel a shape."""

from pathlib import Path


def draw(rows: list[dict], path: Path) -> None:
    """`rows` have shape, function, passes and ms; shorter bars are better, on a logarithmic scale."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    shapes = list(dict.fromkeys(row["shape"] for row in rows))
    counts = [sum(row["shape"] == shape for row in rows) for shape in shapes]
    figure, axes = plt.subplots(
        len(shapes), 1, figsize=(9, 1 + 0.27 * sum(counts)), height_ratios=counts, layout="constrained"
    )
    for axis, shape in zip(axes, shapes, strict=True):
        mine = [row for row in rows if row["shape"] == shape][::-1]
        names = [f"{row['function']}: {row['passes']}" for row in mine]
        ours = ["tab:blue" if "kernel" in name or "IndRNN" in name or "F." in name else "tab:gray" for name in names]
        bars = axis.barh(names, [row["ms"] for row in mine], color=ours)
        axis.bar_label(bars, [f"{row['ms']:.3g}" for row in mine], padding=3, fontsize=8)
        axis.set(xscale="log", xlabel="ms", title=f"T, B, H = {', '.join(map(str, shape))}")
        axis.margins(x=0.15)
        axis.tick_params(labelsize=8)
    figure.savefig(path, dpi=120)
    plt.close(figure)
