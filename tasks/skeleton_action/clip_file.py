"""NAME.npz, what txt2npy makes of NAME.skeleton: one clip as arrays, without pickles."""

from pathlib import Path

import numpy as np

from ..config import TaskError, first_line
from ..files import DAMAGED
from .bodies import has_data
from .skeleton_file import JOINTS, Skeleton


def clip_arrays(skeleton: Skeleton, all_fields: bool) -> dict[str, np.ndarray]:
    """What NAME.npz holds: frames (), frame (K,), body_id (K,) and position (K, 25, 3), in metres."""
    with np.errstate(over="ignore"):  # of what is farther away than a float32 can say
        position = skeleton.joints[:, :, :3].astype(np.float32)
    kept = {
        "frames": np.array(skeleton.frames),
        "frame": skeleton.frame,
        "body_id": skeleton.body_id,
        "position": position,
    }
    return kept | ({"body": skeleton.body, "joints": skeleton.joints} if all_fields else {})


def read_arrays(path: Path) -> dict[str, np.ndarray]:
    """What is in a NAME.npz."""
    try:
        with np.load(path, allow_pickle=False) as file:
            clip = {key: file[key] for key in ("frames", "frame", "body_id", "position")}
        count, frames = len(clip["frame"]), int(clip["frames"])
        if clip["position"].shape != (count, JOINTS, 3) or clip["body_id"].shape != (count,):
            raise ValueError("shapes that do not fit each other")
        if not count or clip["frame"].min() < 0 or clip["frame"].max() >= frames or frames > 10**6:
            raise ValueError("frames that it does not have")
        seen = has_data(clip["position"])
        if clip["frame"].dtype.kind not in "iu" or not np.isfinite(clip["position"][seen]).all():
            raise ValueError("numbers that cannot be")
        if not seen.any():
            raise ValueError("no body has data in any frame; remove it")
    except DAMAGED as error:
        raise TaskError(f"{path} is not a clip that txt2npy wrote: {first_line(error)}") from None
    return clip
