"""Where a clip's origin is, and how long a metre: options of a reader, for any set."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from ..config import TaskError
from .bodies import has_data

Center: TypeAlias = Literal["none", "clip", "frame", "body"]
Scale: TypeAlias = Literal["none", "body"]


def placed(clip: np.ndarray, parents: Sequence[int], center: Center, scale: Scale) -> np.ndarray:
    """A clip (F, J, 3) about another origin and in another unit; persons who are not seen, as zeros, stay so.

    `center`: the root of the first person who is seen, in the first frame or in each frame, or each person's own root
    in each frame. `scale`: "body", the mean bone of the persons has the length 1, by the median over frames.
    """
    if center == "none" and scale == "none":
        return clip
    if scale == "body" and len(parents) == 1:
        raise TaskError("--scale body needs bones, and these skeletons have one joint")
    persons = clip.reshape(len(clip), -1, len(parents), 3)
    seen = has_data(persons)
    root = next(joint for joint, parent in enumerate(parents) if joint == parent)
    roots = persons[:, :, [root]]
    first = roots[np.arange(len(clip)), seen.argmax(1)][:, None]  # of each frame
    origin = {"none": np.zeros(3), "clip": first[seen.any(1).argmax()], "frame": first, "body": roots}[center]
    unit = float(np.median(bone_lengths(persons[seen], parents).mean(-1))) if scale == "body" else 1.0
    placed = (persons - origin) / max(unit, 1e-6)
    return np.where(seen[..., None, None], placed, 0).reshape(clip.shape).astype(np.float32)


def bone_lengths(bodies: np.ndarray, parents: Sequence[int]) -> np.ndarray:
    """Bodies (..., P, 3) to the lengths (..., bones) between each joint and its parent."""
    ends = [joint for joint, parent in enumerate(parents) if joint != parent]
    return np.linalg.norm(bodies[..., ends, :] - bodies[..., [parents[joint] for joint in ends], :], axis=-1)
