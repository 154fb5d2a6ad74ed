"""Reads series from .ts files of the time-series archive, NAME_TRAIN.ts and NAME_TEST.ts.

One line per series: channels separated by colons, their numbers by commas, the class or the target at the end.
"""

from pathlib import Path

import numpy as np

from ..config import TaskError
from ..files import opened
from .series import SeriesSet, make_set


def read_ts(path: Path, regression: bool) -> SeriesSet:
    """Reads both files of a data set, given the path of one of them, or of their folder."""
    if path.is_dir():
        found = sorted(path.glob("*_TRAIN.ts"))
        if len(found) != 1:
            raise TaskError(f"{path} has {len(found)} files that end in _TRAIN.ts, expected one; pass its path")
        path = found[0]
    stem = path.name.removesuffix("_TRAIN.ts").removesuffix("_TEST.ts")
    series: list[np.ndarray] = []
    labels: list[str] = []
    split: list[str] = []
    for part in ("train", "test"):
        found_series, found_labels = _read(path.with_name(f"{stem}_{part.upper()}.ts"))
        series += found_series
        labels += found_labels
        split += [part] * len(found_series)
    return make_set(str(path), series, labels, split, regression=regression)


def _read(path: Path) -> tuple[list[np.ndarray], list[str]]:
    with opened(path) as file:
        lines = file.read().decode("utf-8", "replace").splitlines()
    starts = [number for number, line in enumerate(lines) if line.strip().lower() == "@data"]
    if not starts:
        raise TaskError(f"{path} has no @data line, expected in a .ts file")
    settings = {
        words[0].lower(): words[1].lower()
        for line in lines[: starts[0]]
        if line.startswith("@") and len(words := line.split()) > 1
    }
    if settings.get("@timestamps") == "true":
        raise TaskError(f"{path} has timestamps, which are not supported")
    series, labels = [], []
    for number, line in enumerate(lines[starts[0] + 1 :], starts[0] + 2):
        if not line.strip():
            continue
        *channels, label = line.strip().split(":")
        try:
            values = [[float(word) for word in channel.split(",")] for channel in channels]
        except ValueError as error:
            what = "a missing number; fill it in first" if "?" in line else str(error)
            raise TaskError(f"{path}: line {number} has {what}") from None
        if not values or len({len(channel) for channel in values}) > 1:
            steps = sorted({len(channel) for channel in values})
            raise TaskError(f"{path}: line {number} has channels of {steps} steps, expected the same number in each")
        series.append(np.array(values).T)
        labels.append(label)
    return series, labels
