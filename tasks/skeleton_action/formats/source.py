"""Clips of another format, as its reader finds them; and those of a set, as its writers need them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .. import arrays, ntu


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
    clip = np.array(clips.data[number, :length])
    arrays.release(clips.data)
    return clip.reshape(length, clips.persons, -1, 3)


def columns_of_names(names: Sequence[str]) -> dict[str, list[int]]:
    """Subject and view (camera) of clips that are all named as those of NTU RGB+D; otherwise nothing."""
    found = [ntu.clip_name(name) for name in names]
    known = [name for name in found if name]
    if len(known) < len(found):
        return {}
    return {"subject": [name.subject for name in known], "view": [name.camera for name in known]}
