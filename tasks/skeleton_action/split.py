"""Adds a split to a set: clips of some subjects, of some views, or with some values of another column are for the test.

    python -m tasks.skeleton_action.split SET --by subject --test 2 4 6
    python -m tasks.skeleton_action.split SET --by day --test tuesday --name unseen_day

The other clips are for training. A column is an array COLUMN.npy in the set with a number or text for each clip.
"""

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from ..command import run_command
from ..config import TaskError
from ..files import write_whole
from .arrays import read_set
from .columns import check_name, columns


@dataclass
class Config:
    folder: Annotated[Path, tyro.conf.Positional]
    """The set."""
    by: str
    """The column: subject, view, or another that the set has."""
    test: tuple[str, ...]
    """Whose clips are for the test."""
    name: str | None = None
    """Of the split; by default by_ and the column's name."""


def split(config: Config) -> None:
    known = columns(config.folder, len(read_set(config.folder).data))
    if config.by not in known:
        raise TaskError(f"{config.folder} has no column {config.by}; there are: {', '.join(known) or 'none'}")
    values = known[config.by].astype(str)
    if odd := sorted({*config.test} - {*values}):
        there = ", ".join(map(str, np.unique(known[config.by])))
        raise TaskError(f"--test has {', '.join(odd)}, which no clip has as {config.by}; there are: {there}")
    is_test = np.isin(values, config.test)
    if is_test.all() or not is_test.any():
        raise TaskError(f"--test names {'all' if is_test.all() else 'none'} of the clips; expected some")
    name = config.name or f"by_{config.by}"
    check_name(name)
    paths = [config.folder / f"{name}_{side}.npy" for side in ("train", "test")]
    for path in paths:
        if path.exists():
            raise TaskError(f"{path} exists; remove it, or choose another --name")
    for path, chosen in zip(paths, (np.flatnonzero(~is_test), np.flatnonzero(is_test)), strict=True):
        content = io.BytesIO()
        np.save(content, chosen)
        write_whole(path, content.getvalue())
    print(f"{name}: {len(values) - is_test.sum()} for training, {is_test.sum()} for the test")


def main(arguments: list[str] | None = None) -> None:
    run_command("tasks.skeleton_action.split", __doc__, Config, split, arguments)


if __name__ == "__main__":
    main()
