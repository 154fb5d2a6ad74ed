"""The way of clips of another format into a set."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ...config import TaskError
from .. import arrays, ntu
from ..bodies import has_data
from ..columns import check_name
from ..npy2data import shortened
from .source import Source

# The parents of joints, by their number: NTU RGB+D; COCO, whose root is the nose; OpenPose, whose root is the neck.
KNOWN_PARENTS = {
    25: ntu.PARENTS,
    17: (0, 0, 0, 1, 2, 0, 0, 5, 6, 7, 8, 5, 6, 11, 12, 13, 14),
    18: (1, 1, 1, 2, 3, 1, 5, 6, 1, 8, 9, 1, 11, 12, 0, 0, 14, 15),
}
LONGEST_NAME = 1000
MOST_NUMBERS = 10**8  # of a clip, with the frames and persons that are absent


def write_set(
    source: Source,
    folder: Path,
    parents: Sequence[int],
    frames: int | None,
    persons: int | None,
    dtype: str,
    made_by: Mapping[str, Any],
) -> None:
    """Writes the set: clips without the frames and persons that are too many, but none in which nobody is seen then."""
    parents = parents or KNOWN_PARENTS.get(source.joints, ())
    if len(parents) != source.joints or not all(0 <= parent < len(parents) for parent in parents):
        raise TaskError(
            f"{source.path} has {source.joints} joints of each person; give the parent of each, from 0, the root's own "
            "for the root, as --parents 0 0 1 ..."
        )
    arrays.check_parents(parents, "--parents")
    check(source)
    frames, persons = frames or source.frames, persons or source.persons
    if frames * persons * source.joints > MOST_NUMBERS:
        raise TaskError(
            f"{source.path} has up to {source.frames} frames of {source.persons} persons in a clip, which is too much; "
            "give --frames and --persons"
        )

    def clips(doing: str) -> Iterator[np.ndarray]:
        names = tqdm(source.name, doing, unit="clip", disable=None)
        for clip, name in zip(source.clips(), names, strict=True):
            yield fitted(clip[:frames], persons, dtype, name)

    joints = len(parents)
    seen = [has_data(clip.reshape(-1, joints, 3)).any() for clip in clips("looking")]
    kept = without(source, np.flatnonzero(seen).tolist())
    arrays.write(
        folder,
        (clip for clip, is_kept in zip(clips("writing"), seen, strict=True) if is_kept),
        (len(kept.name), frames, persons * joints),
        dtype,
        kept.label,
        kept.name,
        parents,
        kept.splits,
        classes=kept.classes,
        made_by=made_by,
        columns=kept.columns,
    )


def fitted(clip: np.ndarray, persons: int, dtype: str, name: str) -> np.ndarray:
    """A clip (F, M, P, 3) as (F, persons * P, 3)."""
    clip = clip[:, :persons]
    if (abs(clip[np.isfinite(clip)]) > np.finfo(dtype).max).any():
        raise TaskError(f"the clip {name} has positions beyond what {dtype} holds; bring them to metres")
    found = np.zeros((len(clip), persons, *clip.shape[2:]), dtype)
    found[:, : clip.shape[1]] = clip
    return found.reshape(len(clip), persons * clip.shape[2], 3)


def without(source: Source, kept: Sequence[int]) -> Source:
    """These clips alone; says which are left out."""
    if len(kept) == len(source.name):
        return source
    if not kept:
        raise TaskError(f"{source.path} has no clip in which somebody is seen")
    place = {number: row for row, number in enumerate(kept)}
    left_out = [name for number, name in enumerate(source.name) if number not in place]
    print(f"{len(left_out)} of {len(source.name)} clips left out, in which nobody is seen: {shortened(left_out)}")

    def of(values: Sequence) -> list:
        return [values[number] for number in kept]

    splits = {}
    for name, sides in source.splits.items():
        training, test = ([place[number] for number in side if number in place] for side in sides)
        if not training or not test:
            raise TaskError(f"{source.path}: in the split {name} one side has no clip in which somebody is seen")
        splits[name] = training, test
    columns = {name: of(values) for name, values in source.columns.items()}
    return replace(source, label=of(source.label), name=of(source.name), columns=columns, splits=splits)


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
    for name, sides in source.splits.items():
        arrays.check_sides(*sides, f"{source.path}: the sides of the split {name}")
