"""Draws a clip from the front and from the side, animated or as a sheet of stills, to look at what was parsed.

python -m tasks.skeleton_action.render S001C001P001R001A001.skeleton clip.gif
python -m tasks.skeleton_action.render S001C001P001R001A001.npz clip.png
python -m tasks.skeleton_action.render SET --clip S001C001P001R001A001 clip.gif
python -m tasks.skeleton_action.render SET --clip S001C001P001R001A001 --checkpoint RUN/best.pt clip.gif

What npy2data leaves out as noise is drawn in grey, from a .skeleton or .npz file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from ..command import run_command
from ..config import TaskError
from ..run_folder import write_whole
from . import arrays, ntu
from .bodies import ghosts, has_data, tracks_of_ids
from .clip_file import clip_arrays, read_arrays
from .lines import SkeletonError
from .pictures import Clip, animation, sheet
from .predict import predict
from .skeleton_file import parse
from .task import class_names


@dataclass
class Config:
    source: Annotated[Path, tyro.conf.Positional]
    """A .skeleton file, an .npz file that txt2npy wrote, or the folder of a set."""
    picture: Annotated[Path, tyro.conf.Positional]
    """The file to write: .gif, animated, or .png, eight frames on a sheet."""
    clip: str | None = None
    """Of a set: the clip's name or number; the first if not given."""
    checkpoint: Path | None = None
    """Of a set: the title says what this run's network takes the clip for, too."""
    every: int = 2
    """Draw one frame of so many, in a .gif."""


def of_file(clip: Mapping[str, np.ndarray], stem: str) -> Clip:
    """Every tracking id of a clip as one body."""
    tracks = tracks_of_ids(clip)
    positions = np.full((int(clip["frames"]), len(tracks), len(ntu.PARENTS), 3), np.nan)
    for number, track in enumerate(tracks.values()):
        positions[list(track), number] = list(track.values())
    noise = ghosts(tracks)
    name = ntu.clip_name(stem)
    title = f"{stem}: action {name.action}" if name else stem
    return Clip(title, positions, ntu.PARENTS, [body in noise for body in tracks])


def of_set(folder: Path, clip: str | None, checkpoint: Path | None = None) -> Clip:
    found = arrays.read_set(folder)
    numbers = np.flatnonzero(found.name == clip) if clip else np.zeros(1, int)
    if not len(numbers) and clip and clip.isdigit() and int(clip) < len(found.name):
        numbers = np.array([int(clip)])
    if not len(numbers):
        raise TaskError(f"--clip {clip} is not in {folder}; it has {found.name[0]} to {found.name[-1]}, or 0, 1, ...")
    number = int(numbers[0])
    positions = found.data[number, : found.length[number]].astype(float)
    positions = positions.reshape(len(positions), found.persons, len(found.parents), 3)
    seen = has_data(positions)
    positions[~seen] = np.nan
    positions = positions[:, seen.any(0)]
    action = class_names(folder, int(found.label.max()) + 1)[found.label[number]]
    title = f"{found.name[number]}: {action}"
    if checkpoint:
        answer, probability = predict(checkpoint, folder, number)
        title = f"{found.name[number]}: true {action}, predicted {answer} ({100 * probability:.0f} %)"
    return Clip(title, positions, found.parents, [False] * positions.shape[1])


def source(config: Config) -> Clip:
    if config.source.is_dir():
        return of_set(config.source, config.clip, config.checkpoint)
    if config.checkpoint or config.clip:
        raise TaskError(f"--clip and --checkpoint need the folder of a set; SOURCE is {config.source}")
    if config.source.suffix == ".npz":
        return of_file(read_arrays(config.source), config.source.stem)
    try:
        return of_file(clip_arrays(parse(config.source.read_bytes()), all_fields=False), config.source.stem)
    except SkeletonError as error:
        raise TaskError(f"{config.source}: {error}") from None


def render(config: Config) -> None:
    kind = config.picture.suffix
    if kind not in (".gif", ".png"):
        raise TaskError(f"the picture is {config.picture}, expected a name that ends in .gif or .png")
    if config.every < 1:
        raise TaskError(f"--every is {config.every}, expected a number above 0")
    clip = source(config)
    write_whole(config.picture, animation(clip, config.every) if kind == ".gif" else sheet(clip))


def main(arguments: list[str] | None = None) -> None:
    run_command("tasks.skeleton_action.render", __doc__, Config, render, arguments)


if __name__ == "__main__":
    main()
