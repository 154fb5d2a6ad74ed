"""NTU RGB+D: file names, joints, splits, and how many clips each split has.

References: Shahroudy et al., CVPR 2016 (NTU RGB+D, 60 actions); Liu et al., "NTU RGB+D 120", TPAMI 2019.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

# The parent of each of the 25 joints, from 0; the first is the root, its own parent.
# spine base, spine mid, neck, head, left shoulder, elbow, wrist, hand, right the same, left hip, knee, ankle, foot,
# right the same, spine shoulder, left hand tip, left thumb, right hand tip, right thumb
PARENTS = (0, 0, 20, 2, 20, 4, 5, 6, 20, 8, 9, 10, 0, 12, 13, 14, 0, 16, 17, 18, 1, 7, 7, 11, 11)
SPINE_BASE, SPINE_MID, LEFT_SHOULDER, RIGHT_SHOULDER = 0, 1, 4, 8
LONGEST_CLIP = 300

# fmt: off
TRAINING_SUBJECTS = frozenset((
    1, 2, 4, 5, 8, 9, 13, 14, 15, 16, 17, 18, 19, 25, 27, 28, 31, 34, 35, 38,  # all that NTU-60 has
    45, 46, 47, 49, 50, 52, 53, 54, 55, 56, 57, 58, 59, 70, 74, 78, 80, 81, 82, 83, 84, 85, 86, 89, 91, 92, 93, 94, 95,
    97, 98, 100, 103,
))
# fmt: on


class ClipName(NamedTuple):
    """What a file's name says: SsssCcccPpppRrrrAaaa."""

    setup: int
    camera: int
    subject: int
    replication: int
    action: int


def clip_name(stem: str) -> ClipName | None:
    found = re.fullmatch(r"S(\d{3})C(\d{3})P(\d{3})R(\d{3})A(\d{3})", stem)
    return ClipName(*map(int, found.groups())) if found else None


def cross_subject(name: ClipName) -> bool:
    return name.subject in TRAINING_SUBJECTS


def cross_view(name: ClipName) -> bool:
    return name.camera in (2, 3)


def cross_setup(name: ClipName) -> bool:
    return name.setup % 2 == 0


class Benchmark(NamedTuple):
    """One of the two data sets: which clips are of it, and its splits."""

    actions: int
    setups: int
    splits: dict[str, Callable[[ClipName], bool]]
    """Whether a clip is for training."""
    counts: dict[str, tuple[tuple[int, int], tuple[int, int]]]
    """Clips for training and test: all, and without those whose skeletons are missing."""


BENCHMARKS = {
    "ntu60": Benchmark(
        60,
        17,
        {"cross_subject": cross_subject, "cross_view": cross_view},
        {"cross_subject": ((40320, 16560), (40091, 16487)), "cross_view": ((37920, 18960), (37646, 18932))},
    ),
    "ntu120": Benchmark(
        120,
        32,
        {"cross_subject": cross_subject, "cross_setup": cross_setup},
        {"cross_subject": ((63360, 51120), (63026, 50919)), "cross_setup": ((54720, 59760), (54468, 59477))},
    ),
}
