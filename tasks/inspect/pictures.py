"""Plots of what units do, as PNG."""

import io
from collections.abc import Sequence
from typing import Any

import numpy as np


def _figure(rows: int, height: float) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure  # takes half a second to import

    figure = Figure(figsize=(8, height * rows + 0.8), layout="constrained")
    return figure, list(np.atleast_1d(figure.subplots(rows, 1, sharex=True)))


def _colors(count: int) -> list[Any]:
    """Colours from short to long memories."""
    from matplotlib import colormaps

    return [colormaps["viridis"](0.9 * (1 - n / max(1, count - 1))) for n in range(count)]


def _png(figure: Any) -> bytes:
    image = io.BytesIO()
    figure.savefig(image, dpi=110)
    return image.getvalue()


def draw_memories(memories: Sequence[np.ndarray], steps: int) -> bytes:
    """Plots the memories of each layer, one dot per unit, on one axis; the sample length `steps` is marked."""
    figure, (axes,) = _figure(1, 0.35 * len(memories) + 1)
    for number, memory in enumerate(memories, 1):
        scatter = np.random.default_rng(number).uniform(-0.28, 0.28, len(memory))
        axes.scatter(memory, number + scatter, s=8, alpha=0.5, linewidths=0)
        axes.plot([np.median(memory)] * 2, [number - 0.4, number + 0.4], color="black", linewidth=1.5)
    axes.axvline(steps, color="gray", linestyle="--", linewidth=1)
    axes.text(steps, 0.45, " length of a sample", color="gray", fontsize=8, va="top")
    axes.set(xscale="log", xlabel="memory of a unit: steps until its state decays to 1/e", ylabel="layer")
    axes.set(yticks=range(1, len(memories) + 1), title="How long units remember (line: median)")
    axes.invert_yaxis()
    return _png(figure)


def draw_lines(title: str, xlabel: str, of_layers: Sequence[np.ndarray], memories: Sequence[np.ndarray]) -> bytes:
    """Plots some units of each layer over time, (T, units), from short to long memories."""
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
    """Plots the metric, (layers, groups), with one group of units of one layer silenced."""
    figure, (axes,) = _figure(1, 0.5 * len(without) + 1)
    image = axes.imshow(without, aspect="auto", cmap="viridis")
    for (row, column), value in np.ndenumerate(without):
        name = f"{value:.3f}\n{ranges[row][column]} steps"
        dark = np.isfinite(value) and value < (np.nanmin(without) + np.nanmax(without)) / 2
        axes.text(column, row, name, ha="center", va="center", fontsize=7, color="white" if dark else "black")
    axes.set(xticks=range(without.shape[1]), yticks=range(len(without)), ylabel="layer")
    axes.set_xticklabels(["shortest", *[""] * (without.shape[1] - 2), "longest memories"][: without.shape[1]])
    axes.set_yticklabels(range(1, len(without) + 1))
    axes.set_title(f"{metric} with a group of units fixed at their means; {whole:.3f} with all units")
    figure.colorbar(image, ax=axes, label=metric)
    return _png(figure)
