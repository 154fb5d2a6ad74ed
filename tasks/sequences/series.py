"""A data set of series in memory, checked once, whatever file it came from."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..config import TaskError

SPLITS = ("train", "validation", "test")
MOST_CLASSES = 1000


@dataclass(frozen=True)
class SeriesSet:
    """N series of C channels: `x` (N, T, C) float32 with zeros past `lengths` (N,); `y` (N,), classes or numbers.

    `classes`: their names, or None for regression. `split`: one of SPLITS for each series, or "" if not given.
    `group`: the group of each series, such as its subject, or None if not given.
    """

    x: Tensor
    lengths: Tensor
    y: Tensor
    classes: list[str] | None
    split: np.ndarray
    group: np.ndarray | None


def make_set(
    source: str,
    series: Sequence[np.ndarray],
    y: Sequence[str] | np.ndarray,
    split: Sequence[str] | None = None,
    group: Sequence[str] | None = None,
    regression: bool = False,
) -> SeriesSet:
    """Makes a set of series, (T_n, C) each. Errors name the file `source`, and count series from 0."""
    if not len(series):
        raise TaskError(f"{source} contains no series")
    widths = {one.shape[1] for one in series}
    if len(widths) > 1:
        raise TaskError(
            f"{source}: series have {', '.join(map(str, sorted(widths)))} channels, expected the same number"
        )
    for number, one in enumerate(series):
        if not one.size:
            raise TaskError(f"{source}: series {number} is empty")
        if not np.isfinite(one).all() or abs(one).max() > 1e30:
            raise TaskError(
                f"{source}: series {number} contains NaN, infinity or a number beyond 1e30; fill it in first"
            )
    for name, column in (("y", y), ("split", split), ("group", group)):
        if column is not None and len(column) != len(series):
            raise TaskError(f"{source} has {len(column)} entries of {name} for {len(series)} series")
    parts = [""] * len(series) if split is None else [str(part) for part in split]
    if odd := {*parts} - {*SPLITS, ""}:
        raise TaskError(f"{source}: a series has the split {min(odd)!r}, expected {', '.join(SPLITS)} or nothing")
    targets, classes = _numbers(source, y) if regression else _classes(source, y)
    lengths = torch.tensor([len(one) for one in series])
    x = torch.zeros(len(series), int(lengths.max()), widths.pop())
    for row, one in zip(x, series, strict=True):
        row[: len(one)] = torch.from_numpy(np.ascontiguousarray(one, np.float32))
    groups = None if group is None else np.array([str(name) for name in group])
    return SeriesSet(x, lengths, targets, classes, np.array(parts), groups)


def _numbers(source: str, y: Sequence[str] | np.ndarray) -> tuple[Tensor, None]:
    try:
        targets = torch.tensor([float(value) for value in y])
    except (ValueError, TypeError) as error:
        raise TaskError(f"{source}: y is not numeric, expected one number per series: {error}") from None
    if not targets.isfinite().all():
        raise TaskError(f"{source}: y contains NaN or infinity")
    return targets, None


def _numbers_first(name: str) -> tuple[bool, int, str]:
    whole = re.fullmatch(r"-?[0-9]{1,18}", name) is not None
    return not whole, int(name) if whole else 0, name


def _classes(source: str, y: Sequence[str] | np.ndarray) -> tuple[Tensor, list[str]]:
    labels = [str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip() for value in y]
    if "" in labels or "nan" in labels:
        raise TaskError(
            f"{source}: series {next(n for n, one in enumerate(labels) if one in ('', 'nan'))} has no label"
        )
    names = sorted(set(labels), key=_numbers_first)
    if not 2 <= len(names) <= MOST_CLASSES:
        raise TaskError(
            f"{source} has {len(names)} classes, expected 2 to {MOST_CLASSES}; use --regression for numbers"
        )
    return torch.tensor([names.index(label) for label in labels]), names
