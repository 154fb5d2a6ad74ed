"""Pictures of what units do, as PNG."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np


def _figure(rows: int, height: float) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure  # takes half a second to import

    figure = Figure(figsize=(8, height * rows + 0.8), layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(rows, 1, sharex=True)))


def _colors(count: int) -> list[Any]:
    """From short to long memories."""
    from matplotlib import colormaps

    return [colormaps["viridis"](0.9 * (1 - n / max(1, count - 1))) for n in range(count)]


def _png(figure: Any) -> bytes:
    image = io.BytesIO()
    figure.savefig(image, dpi=110)
    return image.getvalue()


def draw_memories(memories: Sequence[np.ndarray], steps: int) -> bytes:
    """Each layer's memories, a dot a unit, on one scale; `steps` of a sample are marked."""
    figure, (axes,) = _figure(1, 0.35 * len(memories) + 1)
    for number, memory in enumerate(memories, 1):
        scatter = np.random.default_rng(number).uniform(-0.28, 0.28, len(memory))
        axes.scatter(memory, number + scatter, s=8, alpha=0.5, linewidths=0)
        axes.plot([np.median(memory)] * 2, [number - 0.4, number + 0.4], color="black", linewidth=1.5)
    axes.axvline(steps, color="gray", linestyle="--", linewidth=1)
    axes.text(steps, 0.45, " a sample's length", color="gray", fontsize=8, va="top")
    axes.set(xscale="log", xlabel="memory of a unit, steps until 1/e of a state is left", ylabel="layer")
    axes.set(yticks=range(1, len(memories) + 1), title="How long units remember (line: the median)")
    axes.invert_yaxis()
    return _png(figure)


def draw_lines(title: str, xlabel: str, of_layers: Sequence[np.ndarray], memories: Sequence[np.ndarray]) -> bytes:
    """For each layer, lines of some units over the steps, (T, units), from short memories to long ones."""
    figure, axes = _figure(len(of_layers), 1.3)
    for number, (place, lines, memory) in enumerate(zip(axes, of_layers, memories, strict=True), 1):
        for line, color, steps in zip(lines.T, _colors(lines.shape[1]), memory, strict=True):
            place.plot(line, color=color, linewidth=1, label=f"{steps:.3g}")
        place.set_ylabel(f"layer {number}", fontsize=8)
        place.tick_params(labelsize=7)
        place.legend(title="memory", fontsize=6, title_fontsize=6, loc="center left", bbox_to_anchor=(1, 0.5))
        place.spines[["top", "right"]].set_visible(False)
    axes[0].set_title(title)
    axes[-1].set_xlabel(xlabel)
    return _png(figure)


def draw_silencing(metric: str, whole: float, without: np.ndarray, ranges: Sequence[Sequence[str]]) -> bytes:
    """The metric, (layers, groups), without the units of a layer that have memories of a group."""
    figure, (axes,) = _figure(1, 0.5 * len(without) + 1)
    image = axes.imshow(without, aspect="auto", cmap="viridis")
    for (row, column), value in np.ndenumerate(without):
        name = f"{value:.3f}\n{ranges[row][column]} steps"
        dark = np.isfinite(value) and value < (np.nanmin(without) + np.nanmax(without)) / 2
        axes.text(column, row, name, ha="center", va="center", fontsize=7, color="white" if dark else "black")
    axes.set(xticks=range(without.shape[1]), yticks=range(len(without)), ylabel="layer")
    axes.set_xticklabels(["shortest", *[""] * (without.shape[1] - 2), "longest memories"][: without.shape[1]])
    axes.set_yticklabels(range(1, len(without) + 1))
    axes.set_title(f"{metric} with a group of units held at their means; {whole:.3f} with all")
    figure.colorbar(image, ax=axes, label=metric)
    return _png(figure)
