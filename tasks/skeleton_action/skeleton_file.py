"""The `.skeleton` text files of NTU RGB+D, read and written.

A file is the number of frames; for each frame the number of bodies; for each body a line of 10 fields, the number of
joints, and a line of 12 fields for each joint. Lines may end in LF or CRLF.

Reference: Shahroudy et al., "NTU RGB+D: A Large Scale Dataset for 3D Human Activity Analysis", CVPR 2016.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

JOINTS = 25
BODY_FIELDS = "clipped_edges left_confidence left_state right_confidence right_state restricted lean_x lean_y tracking"
JOINT_FIELDS = "x y z depth_x depth_y color_x color_y orientation_w orientation_x orientation_y orientation_z tracking"
_MARK = -1e300  # stands after each line, so that a line with a field too many or too few is noticed
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


class SkeletonError(ValueError):
    """A file is not as it should be: in which line (from 1), and why."""

    def __init__(self, line: int, kind: str, reason: str) -> None:
        super().__init__(f"line {line}: {reason}")
        self.line, self.kind, self.reason = line, kind, reason


def parse(content: bytes) -> Skeleton:
    """Reads the content of a file. Raises SkeletonError for one that is truncated, damaged or not finite."""
    if not content.strip():
        raise SkeletonError(1, "empty", "the file is empty")
    if (nul := content.find(b"\0")) >= 0:
        raise SkeletonError(content.count(b"\n", 0, nul) + 1, "damaged", f"NUL bytes from byte {nul} on")
    lines = content.rstrip().split(b"\n")
    frames, at = _whole(lines, 0, "the number of frames"), 1
    frame, heads = [], []
    for number in range(frames):
        bodies = _whole(lines, at, "the number of bodies")
        at += 1
        for _ in range(bodies):
            if (count := _whole(lines, at + 1, "the number of joints")) != JOINTS:
                raise SkeletonError(at + 2, "joints", f"{count} joints, expected {JOINTS}")
            frame.append(number)
            heads.append(at)
            at += 2 + JOINTS
            if at > len(lines):
                raise SkeletonError(len(lines), "truncated", f"the file ends within frame {number + 1} of {frames}")
    if at < len(lines):
        raise SkeletonError(at + 1, "damaged", f"text after the last of {frames} frames")
    joints = _numbers(lines, [row for head in heads for row in range(head + 2, head + 2 + JOINTS)], 12, finite=3)
    return Skeleton(
        frames,
        np.array(frame, np.int32),
        np.array([_body_id(lines, head) for head in heads], np.uint64),
        _numbers(lines, heads, 10, finite=0)[:, 1:],
        joints.reshape(-1, JOINTS, 12),
    )


def _whole(lines: list[bytes], row: int, what: str) -> int:
    if row >= len(lines):
        raise SkeletonError(len(lines), "truncated", f"the file ends where {what} is expected")
    word = lines[row].strip()
    if not word.isdigit() or len(word) > 18:
        raise SkeletonError(row + 1, "damaged", f"{_shown(word)} where {what} is expected")
    return int(word)


def _body_id(lines: list[bytes], row: int) -> int:
    word = next(iter(lines[row].split(None, 1)), b"")
    if not word.isdigit() or len(word) > 20 or int(word) >= 2**64:
        raise SkeletonError(row + 1, "damaged", f"the body id is {_shown(word)}, expected a whole number below 2**64")
    return int(word)


def _numbers(lines: list[bytes], rows: list[int], columns: int, finite: int) -> np.ndarray:
    """The numbers of these lines, (rows, columns), the first `finite` columns of which must be finite."""
    mark = f" {_MARK} ".encode()
    try:
        values = np.fromstring(mark.join(lines[row] for row in rows) + mark, sep=" ") if rows else np.empty(0)
    except (ValueError, DeprecationWarning):  # a word that is not a number
        values = np.empty(1)
    if values.size == len(rows) * (columns + 1):
        values = values.reshape(-1, columns + 1)
        if (values[:, columns] == _MARK).all() and np.isfinite(values[:, :finite]).all():
            return values[:, :columns]
    return np.array([_careful(lines[row], row, columns, finite) for row in rows])


def _careful(line: bytes, row: int, columns: int, finite: int) -> list[float]:
    """The numbers of a line, or what is wrong with it."""
    words, values = line.split(), []
    if len(words) != columns:
        raise SkeletonError(row + 1, "fields", f"{len(words)} fields, expected {columns}")
    for word in words:
        try:
            values.append(float(word.replace(b"_", b"?")))  # Python takes 1_0 for a number
        except ValueError:
            raise SkeletonError(row + 1, "damaged", f"{_shown(word)} where a number is expected") from None
    if not np.isfinite(values[:finite]).all():
        raise SkeletonError(row + 1, "not finite", "a position is not finite")
    return values


def _shown(word: bytes) -> str:
    return repr(word[:40].decode("ascii", "backslashreplace"))


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
