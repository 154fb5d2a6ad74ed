"""The `.skeleton` text files of NTU RGB+D, read and written.

A file is the number of frames; for each frame the number of bodies; for each body a line of 10 fields, the number of
joints, and a line of 12 fields for each joint. Lines may end in LF or CRLF.

Reference: Shahroudy et al., "NTU RGB+D: A Large Scale Dataset for 3D Human Activity Analysis", CVPR 2016.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from .bodies import has_data
from .lines import SkeletonError, numbers, shown, split, whole, words

JOINTS = 25
BODY_FIELDS = "clipped_edges left_confidence left_state right_confidence right_state restricted lean_x lean_y tracking"
JOINT_FIELDS = "x y z depth_x depth_y color_x color_y orientation_w orientation_x orientation_y orientation_z tracking"
_BODY = "%d %d %d %d %d %d %d %.7g %.7g %d"
_JOINT = " ".join(["%.7g"] * 11 + ["%d"])


@dataclass(frozen=True)
class Skeleton:
    """What a file holds: K bodies, each seen in one of its frames, in the order of the file."""

    frames: int
    """F, with those that have no body."""
    frame: np.ndarray
    """(K,) int32, from 0."""
    body_id: np.ndarray
    """(K,) uint64; the tracking ids exceed 2**53, where a float would confuse them."""
    body: np.ndarray
    """(K, 9) float64, the fields of BODY_FIELDS."""
    joints: np.ndarray
    """(K, 25, 12) float64, the fields of JOINT_FIELDS: metres, y up, z away from the camera; then pixels."""


def parse(content: bytes) -> Skeleton:
    """Reads the content of a file. Raises SkeletonError for one that is truncated or damaged.

    Positions must be finite, except those of a body that has none at all in a frame.
    """
    lines = split(content)
    try:
        frames, frame, heads = _structure(lines)
    except SkeletonError as error:
        raise _doubled_line(lines, error.line - 1) or error from None
    rows = [row for head in heads for row in range(head + 2, head + 2 + JOINTS)]
    joints = numbers(lines, rows, 12, "a joint").reshape(-1, JOINTS, 12)
    positions = joints[:, :, :3]
    lost = ~np.isfinite(positions).all(2) & has_data(positions)[:, None]
    if lost.any():
        raise SkeletonError(rows[int(lost.argmax())] + 1, "not finite", "a position is not finite")
    return Skeleton(
        frames,
        np.array(frame, np.int32),
        np.array([_body_id(lines, head) for head in heads], np.uint64),
        numbers(lines, heads, 10, "a body")[:, 1:],
        joints,
    )


def _structure(lines: list[bytes]) -> tuple[int, list[int], list[int]]:
    """The number of frames, and of each body its frame and the row where it begins."""
    frames, at = whole(lines, 0, "the number of frames"), 1
    frame, heads = [], []
    for number in range(frames):
        bodies = whole(lines, at, "the number of bodies")
        at += 1
        for _ in range(bodies):
            words(lines, at, 10, "a body")
            if (count := whole(lines, at + 1, "the number of joints")) != JOINTS:
                raise SkeletonError(at + 2, "joints", f"{count} joints, expected {JOINTS}")
            frame.append(number)
            heads.append(at)
            at += 2 + JOINTS
            if at > len(lines):
                raise SkeletonError(len(lines), "truncated", f"the file ends within frame {number + 1} of {frames}")
            for row in (at - JOINTS, at - 1):  # enough to notice a line too many or too few
                words(lines, row, 12, "a joint")
    if at < len(lines):
        raise SkeletonError(at + 1, "damaged", f"text after the last of {frames} frames")
    return frames, frame, heads


def _doubled_line(lines: list[bytes], wrong: int) -> SkeletonError | None:
    """The line that appears twice, if the file fits without it: the wrong row, or one in the body before it."""
    for row in range(wrong, max(0, wrong - JOINTS - 2), -1):
        if lines[row] == lines[row - 1]:
            try:
                _structure(lines[:row] + lines[row + 1 :])
            except SkeletonError:
                continue
            return SkeletonError(row + 1, "doubled", "the line repeats the one before; the file is whole without it")
    return None


def _body_id(lines: list[bytes], row: int) -> int:
    word = lines[row].split(None, 1)[0]
    if not word.isdigit() or len(word) > 20 or int(word) >= 2**64:
        raise SkeletonError(row + 1, "damaged", f"the body id is {shown(word)}, expected a whole number below 2**64")
    return int(word)


def text(skeleton: Skeleton) -> str:
    """The content of a file, with 7 digits as in NTU RGB+D."""
    return "\n".join(_lines(skeleton)) + "\n"


def _lines(skeleton: Skeleton) -> Iterable[str]:
    starts = np.searchsorted(skeleton.frame, np.arange(skeleton.frames + 1))
    block = "\n".join([_JOINT] * JOINTS)
    yield str(skeleton.frames)
    for start, end in pairwise(starts):
        yield str(end - start)
        for k in range(start, end):
            yield _BODY % (int(skeleton.body_id[k]), *skeleton.body[k])
            yield str(JOINTS)
            yield block % tuple(skeleton.joints[k].ravel())
