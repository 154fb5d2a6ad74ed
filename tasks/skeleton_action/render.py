"""Draws a clip as an animated picture, from the front and from the side, so that what was parsed can be looked at.

python -m tasks.skeleton_action.render S001C001P001R001A001.skeleton clip.gif
python -m tasks.skeleton_action.render S001C001P001R001A001.npz clip.gif
python -m tasks.skeleton_action.render SET --clip S001C001P001R001A001 clip.gif
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import numpy as np
import tyro

from ..command import guarded
from ..config import TaskError
from ..run_folder import write_whole
from . import arrays, ntu
from .skeleton_file import SkeletonError, parse
from .txt2npy import arrays as clip_arrays
from .txt2npy import read_arrays

FRAMES_PER_SECOND = 30


@dataclass
class Config:
    source: Annotated[Path, tyro.conf.Positional]
    """A .skeleton file, an .npz file that txt2npy wrote, or the folder of a set."""
    picture: Annotated[Path, tyro.conf.Positional]
    """The .gif file to write."""
    clip: str | None = None
    """Of a set: the clip's name or number; the first if not given."""
    every: int = 2
    """Draw one frame of so many."""


def bodies(clip: Mapping[str, np.ndarray]) -> np.ndarray:
    """Every body id of a clip as one person: (F, persons, 25, 3), NaN where it is not seen."""
    ids, person = np.unique(clip["body_id"], return_inverse=True)
    positions = np.full((int(clip["frames"]), len(ids), len(ntu.PARENTS), 3), np.nan)
    positions[clip["frame"], person] = clip["position"]
    return positions


def of_set(folder: Path, clip: str | None) -> tuple[np.ndarray, tuple[int, ...]]:
    found = arrays.read_set(folder)
    numbers = np.flatnonzero(found.name == clip) if clip else np.zeros(1, int)
    if not len(numbers) and clip and clip.isdigit() and int(clip) < len(found.name):
        numbers = np.array([int(clip)])
    if not len(numbers):
        raise TaskError(f"--clip {clip} is not in {folder}; it has {found.name[0]} to {found.name[-1]}, or 0, 1, ...")
    number = int(numbers[0])
    positions = found.data[number, : found.length[number]].astype(float)
    positions = positions.reshape(len(positions), found.persons, len(found.parents), 3)
    positions[(positions == 0).all((2, 3))] = np.nan
    return positions, found.parents


def source(config: Config) -> tuple[np.ndarray, tuple[int, ...]]:
    """Positions (F, persons, joints, 3) and the joints' parents."""
    if config.source.is_dir():
        return of_set(config.source, config.clip)
    if config.source.suffix == ".npz":
        return bodies(read_arrays(config.source)), ntu.PARENTS
    try:
        return bodies(clip_arrays(parse(config.source.read_bytes()), all_fields=False)), ntu.PARENTS
    except SkeletonError as error:
        raise TaskError(f"{config.source}: {error}") from None


def animate(positions: np.ndarray, parents: Sequence[int], every: int) -> bytes:
    """An animated GIF."""
    from matplotlib.animation import FuncAnimation, PillowWriter  # takes half a second to import
    from matplotlib.figure import Figure

    seen = positions[~np.isnan(positions).any((2, 3))]
    if not len(seen):
        raise TaskError("nobody is seen in this clip")
    low, high = seen.min((0, 1)), seen.max((0, 1))
    figure = Figure(figsize=(8, 4.4), layout="constrained", dpi=80)
    panels = figure.subplots(1, 2)
    drawn = []
    for axes, across, title in zip(panels, (0, 2), ("front", "side"), strict=True):
        middle, half = (low + high) / 2, max((high - low).max() / 2, 0.1) * 1.05
        axes.set(xlim=(middle[across] - half, middle[across] + half), ylim=(middle[1] - half, middle[1] + half))
        axes.set(aspect="equal", title=title, xlabel=f"{'xyz'[across]}, m", ylabel="y, m")
        for person in range(positions.shape[1]):
            (lines,) = axes.plot([], [], ".-", color=f"C{person}", linewidth=1.5, markersize=4)
            drawn.append((lines, person, across))
    bones = np.array([(joint, parent) for joint, parent in enumerate(parents) if joint != parent])

    def show(frame: int) -> None:
        for lines, person, across in drawn:
            ends = np.full((len(bones), 3, 3), np.nan)  # a gap after each bone
            ends[:, :2] = positions[frame, person][bones]
            lines.set_data(ends[:, :, across].ravel(), ends[:, :, 1].ravel())
        panels[0].set_title(f"front, frame {frame + 1} of {len(positions)}")

    frames = range(0, len(positions), every)
    animation = FuncAnimation(figure, show, frames, init_func=lambda: None)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "clip.gif"
        animation.save(path, PillowWriter(max(1, FRAMES_PER_SECOND // every)))
        return path.read_bytes()


def render(config: Config) -> None:
    if config.picture.suffix != ".gif":
        raise TaskError(f"the picture is {config.picture}, expected a name that ends in .gif")
    if config.every < 1:
        raise TaskError(f"--every is {config.every}, expected a number above 0")
    write_whole(config.picture, animate(*source(config), config.every))


def main(arguments: list[str] | None = None) -> None:
    prog = "python -m tasks.skeleton_action.render"
    guarded(lambda: render(tyro.cli(Config, args=arguments, description=__doc__, prog=prog)), prog)


if __name__ == "__main__":
    main()
