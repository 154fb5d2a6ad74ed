"""Reads series from an .npz file. It contains

    x        (N, T, C) or (N, T) numbers; or (all steps, C) or (all steps,), the series concatenated, with `lengths`
    y        (N,) class labels, numbers or text; or with --regression, the target numbers
    lengths  (N,) length of each series, if they differ
    split    (N,) text, "train", "validation" or "test" for each series, if the data set has a split
    group    (N,) group of each series, such as its subject, to hold out whole groups

and no pickled objects.
"""

from pathlib import Path

import numpy as np

from ..config import TaskError, first_line
from ..files import DAMAGED, opened
from .series import SeriesSet, make_set

NAMES = {"x", "y", "lengths", "split", "group"}


def read_npz(path: Path, regression: bool) -> SeriesSet:
    with opened(path) as file:
        try:
            with np.load(file, allow_pickle=False) as content:
                arrays = {name: content[name] for name in content.files if name in NAMES}
        except DAMAGED as error:
            raise TaskError(f"{path} is not an .npz file of plain arrays: {first_line(error)}") from None
    if missing := {"x", "y"} - arrays.keys():
        raise TaskError(
            f"{path} lacks {', '.join(sorted(missing))}; expected x, y, and optionally lengths, split, group"
        )
    x, y, lengths = arrays["x"], arrays["y"], arrays.get("lengths")
    if any(not isinstance(array, np.ndarray) for array in arrays.values()):
        raise TaskError(f"{path} has an entry that is not an array")
    if odd := [name for name in ("split", "group") if name in arrays and arrays[name].ndim != 1]:
        raise TaskError(f"{path}: {odd[0]} has shape {arrays[odd[0]].shape}, expected (N,)")
    if x.dtype.kind not in "fiub" or y.ndim != 1 or not len(y):
        raise TaskError(f"{path}: x is {x.dtype} and y has shape {y.shape}, expected numbers and (N,)")
    if lengths is not None and (lengths.ndim != 1 or lengths.dtype.kind not in "iu" or len(lengths) != len(y)):
        raise TaskError(f"{path}: lengths is {lengths.dtype} of shape {lengths.shape}, expected ({len(y)},) integers")
    series = _split(path, x, lengths, len(y))
    split, group = (arrays[name].tolist() if name in arrays else None for name in ("split", "group"))
    return make_set(str(path), series, y.tolist(), split, group, regression)


def _split(path: Path, x: np.ndarray, lengths: np.ndarray | None, count: int) -> list[np.ndarray]:
    """Splits x, padded or concatenated, into series (T_n, C)."""
    if lengths is not None and x.ndim in (1, 2) and len(x) != count and len(x) == lengths.sum():
        rows = x.reshape(len(x), -1)
        return np.split(rows, np.cumsum(lengths)[:-1])
    if x.ndim not in (2, 3) or len(x) != count:
        raise TaskError(
            f"{path}: x has shape {x.shape}, expected ({count}, T, C) or ({count}, T) for {count} entries of y, "
            "or as many steps as the sum of lengths"
        )
    padded = x[..., None] if x.ndim == 2 else x
    if lengths is None:
        return list(padded)
    if lengths.min() < 1 or lengths.max() > padded.shape[1]:
        raise TaskError(f"{path}: lengths are {lengths.min()} to {lengths.max()}, expected 1 to {padded.shape[1]}")
    return [one[:length] for one, length in zip(padded, lengths, strict=True)]
