"""Which frames of a clip a network sees."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.random import Generator

Sampling: TypeAlias = Literal["uniform", "crop", "published", "all"]

SHORTEST_CROP = 0.5  # of a clip


def drawn_frames(sampling: Sampling, length: int, size: int, rng: Generator) -> np.ndarray:
    """Which `size` frames of a clip of this length are taken, in order; -1 stands for zeros.

    "uniform": one frame at random of each of `size` equal parts of the clip; of a clip shorter than that some come more
    than once. "crop": the same of a random interval of half the clip or more. "published": :func:`published_frames`.
    "all": every frame, however many there are.
    """
    if sampling == "all":
        return np.arange(length)
    if sampling == "published":
        return published_frames(length, size, rng)
    share = rng.uniform(SHORTEST_CROP, 1) if sampling == "crop" else 1.0
    start = rng.uniform(0, (1 - share) * length)
    places = start + (np.arange(size) + rng.uniform(0, 1, size)) * share * length / size
    return np.minimum(places.astype(int), length - 1)


def published_frames(length: int, size: int, rng: Generator) -> np.ndarray:
    """The rule of Li et al. 2019.

    Twice as long or longer: one of each of `size` equal segments. Longer, but not twice: `size` in a row, from
    anywhere. Not longer: from a random place on, among zeros, what fits: a place from 0 to below the zeros that there
    will be, or a quarter of `size` if that is more; then the end, or the beginning, of the clip may be lost.
    """
    if length >= 2 * size:
        width = length // size
        starts = np.arange(size) * width
        widths = np.full(size, width)
        widths[-1] = length - starts[-1]
        return starts + rng.integers(0, widths)
    if length > size:
        return np.arange(size) + rng.integers(0, length - size + 1)
    frames = np.full(size, -1)
    start = int(rng.integers(0, max(size - length, size // 4, 1)))
    fits = min(length, size - start)
    frames[start : start + fits] = np.arange(fits) + rng.integers(0, length - fits + 1)
    return frames
