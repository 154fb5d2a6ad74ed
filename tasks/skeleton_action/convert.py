"""Makes a set of clips in another format, or writes a set in that format: one of SRC and DST is a set.

    python -m tasks.skeleton_action.convert NTU60_CS.npz DST                      # of CTR-GCN
    python -m tasks.skeleton_action.convert ntu60_3danno.pkl DST                  # of pyskl
    python -m tasks.skeleton_action.convert FOLDER DST                            # labels.csv and a file for each clip
    python -m tasks.skeleton_action.convert SET DST.npz --split cross_subject     # or DST.pkl, or a folder

docs/skeleton_formats.md says what these files hold. Nothing that a file contains is run.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Literal

import tyro

from ..command import run_command
from ..config import TaskError
from ..files import opened
from .arrays import read_set, read_split
from .columns import columns, splits
from .formats import clip_folder, ctr_gcn, pyskl, pyskl_write
from .formats.source import Source
from .formats.to_set import write_set
from .ntu import PARENTS


@dataclass
class Config:
    src: Annotated[Path, tyro.conf.Positional]
    """A set, an .npz or .pkl file, or a folder with labels.csv."""
    dst: Annotated[Path, tyro.conf.Positional]
    """A set to make; of a set, an .npz or .pkl file, or a folder with labels.csv."""
    parents: tuple[int, ...] = ()
    """The parent of each joint of one person, from 0, the root's own for the root: of other joints than the 25 of NTU
    RGB+D, 17 of COCO or 18 of OpenPose."""
    classes: Path | None = None
    """Names of the classes, one a line; by default those of classes.txt in a folder."""
    dtype: Literal["float16", "float32"] = "float32"
    """Of the set that is made."""
    frames: int | None = None
    """T of the set that is made; longer clips lose their end. By default that of the longest clip."""
    persons: int | None = None
    """Of the set that is made; further ones are left out. By default as many as the clip with most has."""
    split: str | None = None
    """Of the set, for an .npz file, which has one."""
    csv: bool = False
    """Write a folder with .csv files instead of .npy."""


def convert(config: Config) -> None:
    for name in ("frames", "persons"):
        if (value := getattr(config, name)) is not None and not 0 < value <= 100_000:
            raise TaskError(f"--{name} is {value}, expected a number from 1 to 100000")
    if (config.src / "data.npy").exists():
        export(config)
    else:
        source = read(config)
        if source.classes and config.classes:
            raise TaskError(f"{source.path} has text as labels, which names the classes; leave out --classes")
        if not source.classes and (config.classes or (config.src / "classes.txt").exists()):
            source = replace(source, classes=lines(config.classes or config.src / "classes.txt"))
        write_set(
            *(source, config.dst, config.parents, config.frames, config.persons, config.dtype), made_by=asdict(config)
        )


def read(config: Config) -> Source:
    """What SRC holds, by its name."""
    if config.src.suffix == ".npz":
        return ctr_gcn.read(config.src, len(config.parents or PARENTS))
    if config.src.suffix in (".pkl", ".pickle"):
        return pyskl.read(config.src)
    if (config.src / "labels.csv").exists():
        return clip_folder.read(config.src, len(config.parents) or None)
    raise TaskError(f"SRC {config.src} is no .npz or .pkl file, no folder with labels.csv, and no set")


def export(config: Config) -> None:
    clips = read_set(config.src)
    if config.dst.exists():
        raise TaskError(f"{config.dst} exists; remove it, or choose another name")
    names = config.classes or config.src / "classes.txt"
    classes = lines(names) if names.exists() else []
    known = splits(config.src, len(clips.data))
    if config.dst.suffix == ".npz":
        split = config.split or next(iter(known), "")
        if len(known) > 1 and not config.split:
            raise TaskError(f"an .npz file has one split; choose --split of {', '.join(known)}")
        sides = read_split(config.src, split, len(clips.data))
        ctr_gcn.write(config.dst, clips, sides, max(len(classes), int(clips.label.max()) + 1))
    elif config.dst.suffix in (".pkl", ".pickle"):
        pyskl_write.write(config.dst, clips, known)
    else:
        clip_folder.write(config.dst, clips, known, columns(config.src, len(clips.data)), classes, config.csv)


def lines(path: Path) -> Sequence[str]:
    with opened(path) as file:
        return file.read().decode("utf-8", "replace").splitlines()


def main(arguments: list[str] | None = None) -> None:
    run_command("tasks.skeleton_action.convert", __doc__, Config, convert, arguments)


if __name__ == "__main__":
    main()
