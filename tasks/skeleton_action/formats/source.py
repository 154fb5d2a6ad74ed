"""Clips of another format, as its reader finds them, and their way into a set."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ...config import TaskError
from .. import arrays, ntu
from ..columns import check_name

# The parents of joints, by their number: NTU RGB+D; COCO, whose root is the nose; OpenPose, whose root is the neck.
KNOWN_PARENTS = {
    25: ntu.PARENTS,
    17: (0, 0, 0, 1, 2, 0, 0, 5, 6, 7, 8, 5, 6, 11, 12, 13, 14),
    18: (1, 1, 1, 2, 3, 1, 5, 6, 1, 8, 9, 1, 11, 12, 0, 0, 14, 15),
}
LONGEST_NAME = 1000
MOST_NUMBERS = 10**8  # of a clip, with the frames and persons that are absent


@dataclass
class Source:
    """What a reader found, before any clip is read for good."""

    path: Path
    clips: Callable[[], Iterator[np.ndarray]]
    """Reads them, each (frames, persons, joints, 3)."""
    frames: int
    """Of the longest clip."""
    persons: int
    """Of the clip with most."""
    joints: int
    """Of one person."""
    label: Sequence[int]
    name: Sequence[str]
    splits: Mapping[str, tuple[Sequence[int], Sequence[int]]]
    columns: Mapping[str, Sequence[int] | Sequence[str]] = field(default_factory=dict)
    classes: Sequence[str] = ()


def persons_of(clips: arrays.SkeletonSet, number: int) -> np.ndarray:
    """A clip of a set as (frames, persons, joints, 3), without what is after its end."""
    length = int(clips.length[number])
    return np.asarray(clips.data[number, :length]).reshape(length, clips.persons, -1, 3)


def columns_of_names(names: Sequence[str]) -> dict[str, list[int]]:
    """Subject and view (camera) of clips that are all named as those of NTU RGB+D; otherwise nothing."""
    found = [ntu.clip_name(name) for name in names]
    known = [name for name in found if name]
    if len(known) < len(found):
        return {}
    return {"subject": [name.subject for name in known], "view": [name.camera for name in known]}


def write_set(
    source: Source,
    folder: Path,
    parents: Sequence[int],
    frames: int | None,
    persons: int | None,
    dtype: str,
    made_by: Mapping[str, Any],
) -> None:
    """Writes the set; clips lose the frames and the persons that are too many."""
    parents = parents or KNOWN_PARENTS.get(source.joints, ())
    if len(parents) != source.joints or not all(0 <= parent < len(parents) for parent in parents):
        raise TaskError(
            f"{source.path} has {source.joints} joints of each person; give the parent of each, from 0, the root's own "
            f"for the root, as --parents 0 0 1 ..."
        )
    check(source)
    frames, persons = frames or source.frames, persons or source.persons
    if frames * persons * source.joints > MOST_NUMBERS:
        raise TaskError(
            f"{source.path} has up to {source.frames} frames of {source.persons} persons in a clip, which is too much; "
            "give --frames and --persons"
        )

    def clips() -> Iterator[np.ndarray]:
        for clip, name in zip(source.clips(), tqdm(source.name, unit="clip", disable=None), strict=True):
            yield fitted(clip, frames, persons, dtype, name)

    shape = len(source.name), frames, persons * source.joints
    arrays.write(
        *(folder, clips(), shape, dtype, source.label, source.name, parents, source.splits),
        classes=source.classes,
        made_by=made_by,
        columns=source.columns,
    )


def fitted(clip: np.ndarray, frames: int, persons: int, dtype: str, name: str) -> np.ndarray:
    """A clip (F, M, P, 3) as (F, persons * P, 3), without the frames that are too many."""
    clip = clip[:frames, :persons]
    if (abs(clip[np.isfinite(clip)]) > np.finfo(dtype).max).any():
        raise TaskError(f"the clip {name} has positions beyond what {dtype} holds; bring them to metres")
    found = np.zeros((len(clip), persons, *clip.shape[2:]), dtype)
    found[:, : clip.shape[1]] = clip
    return found.reshape(len(clip), -1, 3)


def check(source: Source) -> None:
    """Raises TaskError for what a set cannot hold."""
    if not len(source.name):
        raise TaskError(f"{source.path} has no clips")
    for name, label in zip(source.name, source.label, strict=True):
        if not 0 <= label < arrays.MOST_CLASSES:
            most = arrays.MOST_CLASSES - 1
            raise TaskError(f"{source.path}: the clip {name[:80]} has the label {label}, expected 0 to {most}")
    texts = [*source.name, *source.classes, *(str(text) for values in source.columns.values() for text in values)]
    for text in texts:
        if len(text) > LONGEST_NAME or not text.isprintable():
            raise TaskError(
                f"{source.path} has the name {text[:80]!r}, expected printable text of at most 1,000 letters"
            )
    if source.classes and max(source.label) >= len(source.classes):
        raise TaskError(f"{source.path} has labels to {max(source.label)}, but names for {len(source.classes)} classes")
    for name in (*source.splits, *source.columns):
        check_name(name)
