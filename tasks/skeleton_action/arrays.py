"""The array format of skeleton sets, into which any of them can be brought. A folder with

    data.npy            (N, T, J, 3) float16 or float32: metres, y up; clip n has length[n] frames, then padding
    length.npy          (N,) frames of each clip, 1 to T
    label.npy           (N,) classes, from 0
    parents.npy         (P,) the parent of each joint of one person, the root its own; J is a multiple of P, and persons
                        come one after the other, those who are absent as zeros
    name.npy            (N,) text: what each clip is called
    subject.npy         (N,) numbers or text, if it is known: who performs each clip
    view.npy            (N,) the same: which camera sees it; and any other COLUMN.npy
    classes.txt         if the classes have names: one a line
    SPLIT_train.npy     (n,) which clips are for training in a split of that name, e.g. cross_subject
    SPLIT_test.npy      (m,) which are for the test

Each clip has data in at least one frame; a person whose joints are all at one point counts as absent. No pickles.
"""

import json
import mmap
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import numpy as np

from ..config import TaskError, first_line
from ..files import DAMAGED, new_folder
from .bodies import has_data

MOST_CLASSES = 1000
GROUPS = ("subject", "view")


@dataclass(frozen=True)
class SkeletonSet:
    """A folder's arrays, data.npy mapped from the disk."""

    data: np.ndarray
    length: np.ndarray
    label: np.ndarray
    name: np.ndarray
    parents: tuple[int, ...]
    subject: np.ndarray | None = None
    view: np.ndarray | None = None

    @property
    def persons(self) -> int:
        return self.data.shape[2] // len(self.parents)


def write(
    folder: Path,
    clips: Iterable[np.ndarray],
    shape: tuple[int, int, int],
    dtype: str,
    label: Sequence[int],
    name: Sequence[str],
    parents: Sequence[int],
    splits: Mapping[str, tuple[Sequence[int], Sequence[int]]],
    pad: Literal["zero", "last", "repeat"] = "zero",
    classes: Sequence[str] = (),
    made_by: Mapping[str, Any] | None = None,
    columns: Mapping[str, Sequence[int] | Sequence[str]] = MappingProxyType({}),
) -> None:
    """Writes a set whole or not at all, clip by clip, each (frames, J, 3); `shape` is (N, T, J).

    Persons without data in a frame, all joints at one point or NaN, become zeros there.
    `pad`: what follows a clip's end: zeros, its last frame, or the clip again. `made_by`: settings, for made_by.json.
    `columns`: what else is known of each clip, subject and view for example.
    """
    with new_folder(folder) as draft:
        data = np.lib.format.open_memmap(draft / "data.npy", "w+", np.dtype(dtype), (*shape, 3))
        with open(draft / "data.npy", "r+b") as file:  # a full disk is said here, and not by a signal
            os.posix_fallocate(file.fileno(), 0, os.fstat(file.fileno()).st_size)
        length = np.zeros(shape[0], np.int32)
        for number, positions in enumerate(clips):
            clip = zeros_where_absent(positions, len(parents), name[number])
            data[number, : len(clip)] = clip
            length[number] = len(clip)
            if pad == "last":
                data[number, len(clip) :] = clip[-1]
            elif pad == "repeat":
                data[number] = np.resize(clip, data.shape[1:])
            release(data)
        data.flush()
        del data
        small: dict[str, np.ndarray] = {
            "length": length,
            "label": np.asarray(label, np.int64),
            "name": np.asarray(name, np.str_),
            "parents": np.asarray(parents, np.int32),
        }
        small |= {key: np.asarray(values) for key, values in columns.items()}
        for split, (training, test) in splits.items():
            small |= {f"{split}_train": np.asarray(training, np.int64), f"{split}_test": np.asarray(test, np.int64)}
        for key, values in small.items():
            np.save(draft / f"{key}.npy", values, allow_pickle=False)
        if classes:
            (draft / "classes.txt").write_text("".join(f"{name}\n" for name in classes))
        if made_by is not None:
            (draft / "made_by.json").write_text(json.dumps(made_by, indent=2, default=str) + "\n")


def zeros_where_absent(clip: np.ndarray, joints: int, name: str) -> np.ndarray:
    """The clip with zeros for persons who are not seen, whatever was there instead."""
    persons = clip.reshape(len(clip), clip.shape[1] // joints, joints, 3)
    seen = has_data(persons)
    if not seen.any():
        raise TaskError(f"the clip {name} has no data in any frame; leave it out")
    if not np.isfinite(persons[seen]).all():
        raise TaskError(f"the clip {name} has positions that are not finite; leave it out, or put them right")
    return np.where(seen[..., None, None], persons, 0).reshape(clip.shape)


def load(path: Path, mapped: bool = False) -> np.ndarray:
    """An array of numbers or text from an .npy file."""
    try:
        if mapped:
            return np.lib.format.open_memmap(path, "r")
        with open(path, "rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except FileNotFoundError:
        raise TaskError(f"there is no {path}; tasks/skeleton_action/arrays.py says what a set holds") from None
    except DAMAGED as error:
        raise TaskError(f"{path} is not an array of numbers: {first_line(error)}") from None


def release(mapped: np.ndarray) -> None:
    """Gives the memory of an array that is mapped from a file back; what was written to it stays in the file."""
    if isinstance(mapped.base, mmap.mmap):
        mapped.base.madvise(mmap.MADV_DONTNEED)


def read_set(folder: Path) -> SkeletonSet:
    """A folder's arrays, checked against each other."""
    data, parents = load(folder / "data.npy", mapped=True), load(folder / "parents.npy")
    small = {key: load(folder / f"{key}.npy") for key in ("length", "label", "name")}
    if data.ndim != 4 or data.shape[3] != 3 or data.dtype not in (np.float16, np.float32) or not data.size:
        expected = "float16 or float32 (N, T, J, 3)"
        raise TaskError(f"{folder / 'data.npy'} is {data.dtype} {data.shape}, expected {expected}")
    groups = {key: load(folder / f"{key}.npy") for key in GROUPS if (folder / f"{key}.npy").exists()}
    for key, values in groups.items():
        if values.dtype.kind not in "iuU":
            raise TaskError(f"{folder / key}.npy is {values.dtype}, expected whole numbers or text")
    for key, values in (small | groups).items():
        if values.shape != data.shape[:1]:
            raise TaskError(f"{folder / key}.npy has shape {values.shape}, expected {data.shape[:1]} as data.npy")
    check_range(folder / "length.npy", small["length"], 1, data.shape[1])
    check_range(folder / "label.npy", small["label"], 0, MOST_CLASSES - 1)
    check_range(folder / "parents.npy", parents, 0, parents.size - 1)
    check_parents(parents, str(folder / "parents.npy"))
    if data.shape[2] % len(parents):
        raise TaskError(
            f"{folder} has {data.shape[2]} joints, expected a multiple of the {len(parents)} of parents.npy"
        )
    persons = data.reshape(*data.shape[:2], -1, len(parents), 3)
    for start in range(0, len(data), 1000):  # most clips have data in their first frame
        for number in start + np.flatnonzero(~has_data(persons[start : start + 1000, 0]).any(1)):
            if not has_data(persons[number, : small["length"][number]]).any():
                raise TaskError(f"{folder}: the clip {small['name'][number]} has no data in any frame; leave it out")
        release(data)
    return SkeletonSet(data, **small, **groups, parents=tuple(parents.tolist()))


def check_parents(parents: Sequence[int] | np.ndarray, source: str) -> None:
    """Raises TaskError unless every joint leads to a root, a joint that is its own parent."""
    above = np.asarray(parents)
    for _ in above:
        above = np.asarray(parents)[above]
    if (np.asarray(parents)[above] != above).any():
        raise TaskError(f"{source} has no root, a joint that is its own parent")


def read_split(folder: Path, split: str, clips: int) -> tuple[np.ndarray, np.ndarray]:
    """Which clips are for training and for the test."""
    parts = folder / f"{split}_train.npy", folder / f"{split}_test.npy"
    if not all(path.exists() for path in parts):
        there = ", ".join(sorted(path.name[:-10] for path in folder.glob("*_train.npy"))) or "none"
        raise TaskError(f"{folder} has no split {split}; there are: {there}")
    training, test = map(load, parts)
    for path, chosen in zip(parts, (training, test), strict=True):
        check_range(path, chosen, 0, clips - 1)
    check_sides(training, test, f"{parts[0]} and {parts[1].name}")
    return training, test


def check_sides(training: Sequence[int] | np.ndarray, test: Sequence[int] | np.ndarray, source: str) -> None:
    """Raises TaskError if a clip appears twice in a split."""
    if len({*training, *test}) < len(training) + len(test):
        raise TaskError(f"{source} have a clip twice, expected each once, for training or the test")


def check_range(path: Path, values: np.ndarray, least: int, most: int) -> None:
    if values.ndim != 1 or values.dtype.kind not in "iu" or not len(values):
        raise TaskError(f"{path} is {values.dtype} {values.shape}, expected one or more whole numbers in a row")
    if values.min() < least or values.max() > most:
        raise TaskError(f"{path} has numbers from {values.min()} to {values.max()}, expected {least} to {most}")
