"""Pictures of a clip from the front and from the side: an animation, and a sheet of still frames."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from ..config import TaskError

FRAMES_PER_SECOND = 30
STILLS = 8  # frames on a sheet, or fewer
VIEWS = {"front": 0, "side": 2}  # the axis that goes across


@dataclass(frozen=True)
class Clip:
    """What is drawn."""

    title: str
    positions: np.ndarray
    """(F, bodies, joints, 3), NaN where a body is not seen."""
    parents: Sequence[int]
    noise: Sequence[bool]
    """Of each body, whether it is left out of a set as noise."""


def animation(clip: Clip, every: int) -> bytes:
    """A GIF of one frame of so many."""
    from matplotlib.animation import FuncAnimation, PillowWriter  # takes half a second to import
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.8), layout="constrained", dpi=80)
    views = [_View(axes, clip, view) for axes, view in zip(figure.subplots(1, 2), VIEWS, strict=True)]
    _label(figure, clip, views[0])

    def show(frame: int) -> None:
        for view in views:
            view.show(frame)

    frames = range(0, len(clip.positions), every)
    moving = FuncAnimation(figure, show, frames, init_func=lambda: None)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip.gif"
        moving.save(path, PillowWriter(max(1, FRAMES_PER_SECOND // every)))
        return path.read_bytes()


def sheet(clip: Clip) -> bytes:
    """A PNG of frames from the first to the last, evenly spaced."""
    image = io.BytesIO()
    sheet_figure(clip).savefig(image)
    return image.getvalue()


def sheet_figure(clip: Clip) -> Any:
    from matplotlib.figure import Figure

    frames = np.unique(np.linspace(0, len(clip.positions) - 1, STILLS).round().astype(int)).tolist()
    figure = Figure(figsize=(max(2.2 * len(frames), 6), 6), layout="constrained", dpi=100)
    panels = figure.subplots(len(VIEWS), len(frames), squeeze=False)
    for row, name in zip(panels, VIEWS, strict=True):
        for axes, frame in zip(row, frames, strict=True):
            view = _View(axes, clip, name)
            view.show(frame)
            if axes is not row[0]:
                axes.set_ylabel("")
                axes.tick_params(labelleft=False)
    _label(figure, clip, view)
    return figure


class _View:
    """The bodies from one side; the same scale for all frames and sides."""

    def __init__(self, axes: Any, clip: Clip, name: str) -> None:
        self.axes, self.clip, self.name, self.across = axes, clip, name, VIEWS[name]
        seen = clip.positions[~np.isnan(clip.positions).any((2, 3))]
        if not len(seen):
            raise TaskError("nobody is seen in this clip")
        low, high = seen.min((0, 1)), seen.max((0, 1))
        middle, half = (low + high) / 2, max((high - low).max() / 2, 0.1) * 1.05
        axes.set(xlim=middle[self.across] + (-half, half), ylim=middle[1] + (-half, half), aspect="equal")
        axes.set(xlabel=f"{'xyz'[self.across]}, m", ylabel="y, m")
        self.bodies = []
        for number, noise in enumerate(clip.noise):
            style = {"color": "0.6", "linestyle": "--"} if noise else {"color": f"C{number}"}
            label = "left out as noise" if noise else f"body {number + 1}"
            self.bodies += axes.plot([], [], marker=".", linewidth=1.5, markersize=4, label=label, **style)
        self.bones = np.array([bone for bone in enumerate(clip.parents) if bone[0] != bone[1]], int).reshape(-1, 2)

    def show(self, frame: int) -> None:
        for lines, position in zip(self.bodies, self.clip.positions[frame], strict=True):
            ends = np.full((len(self.bones), 3, 3), np.nan)  # a gap after each bone
            ends[:, :2] = position[self.bones]
            lines.set_data(ends[:, :, self.across].ravel(), ends[:, :, 1].ravel())
        self.axes.set_title(f"{self.name}, frame {frame + 1} of {len(self.clip.positions)}", fontsize="medium")


def _label(figure: Any, clip: Clip, view: _View) -> None:
    figure.suptitle(clip.title.encode(errors="backslashreplace").decode(), parse_math=False)
    if len(view.bodies) > 1:
        by_label = {lines.get_label(): lines for lines in view.bodies}
        figure.legend(by_label.values(), by_label.keys(), loc="outside lower center", ncols=len(by_label))
