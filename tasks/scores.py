"""A file of scores: what a network gives for each test sample, to combine with those of other networks. No pickles."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from torch import Tensor

from .config import TaskError, first_line
from .files import DAMAGED, opened, write_whole


class Scores(NamedTuple):
    """Logits (N, classes), labels (N,) and names (N,) of samples."""

    scores: np.ndarray
    labels: np.ndarray
    names: np.ndarray


def write_scores(path: Path, scores: Tensor, labels: Tensor, names: Sequence[str]) -> None:
    """Writes an .npz file, whole or not at all."""
    content = io.BytesIO()
    np.savez(content, scores=scores.numpy(), labels=labels.numpy(), names=np.array(names, np.str_))
    write_whole(path, content.getvalue())


def read_scores(path: Path) -> Scores:
    """What :func:`write_scores` wrote."""
    try:
        with opened(path) as file, np.load(file, allow_pickle=False) as arrays:
            found = Scores(*(arrays[name] for name in Scores._fields))
        if found.scores.ndim != 2 or {len(part) for part in found} != {len(found.scores)} or not found.scores.size:
            raise ValueError("arrays that do not fit each other")
        if found.scores.dtype.kind != "f" or not np.isfinite(found.scores).all():
            raise ValueError("scores that are not finite numbers")
        if found.labels.dtype.kind not in "iu" or found.names.dtype.kind != "U" or found.labels.ndim != 1:
            raise ValueError("labels or names of another type")
    except TaskError:
        raise
    except DAMAGED as error:
        raise TaskError(f"{path} is not a file that evaluate --scores wrote: {first_line(error)}") from None
    return found
