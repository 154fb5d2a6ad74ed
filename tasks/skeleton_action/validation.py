"""Which clips choose the best checkpoint: held out of those for training, never of the test."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import numpy as np

from ..config import TaskError
from .arrays import SkeletonSet

Validation: TypeAlias = Literal["auto", "random", "subject", "view"]

SHARE_OF_CLIPS, SHARE_OF_GROUPS = 0.05, 0.1


def hold_out(
    clips: SkeletonSet, training: np.ndarray, by: Validation, chosen: Sequence[str], seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """The clips that are left for training, and those held out: single ones, or all of some subjects or views.

    `chosen`: these groups; without any, a share of them at random, at least one.
    """
    if by == "auto":
        by = "subject" if clips.subject is not None and len(np.unique(clips.subject[training])) > 1 else "random"
    rng = np.random.default_rng(seed)
    if by == "random":
        if chosen:
            raise TaskError("--held-out names subjects or views; it needs --validation subject or view")
        order = rng.permutation(training)
        held = max(1, round(SHARE_OF_CLIPS * len(order)))
        return order[held:], order[:held]
    values = clips.subject if by == "subject" else clips.view
    if values is None:
        raise TaskError(f"--validation {by} needs {by}.npy in the set; --validation random needs nothing")
    group = values[training].astype(str)
    groups = np.unique(group)
    if odd := set(chosen) - set(groups):
        raise TaskError(f"--held-out has {min(odd)}, expected some of {', '.join(groups)}")
    names = list(chosen) or rng.permutation(groups)[: max(1, round(SHARE_OF_GROUPS * len(groups)))]
    held_out = np.isin(group, names)
    if held_out.all():
        raise TaskError(
            f"--validation {by} holds out all that is for training: {', '.join(groups)}; leave some, or hold out others"
        )
    return rng.permutation(training[~held_out]), training[held_out]
