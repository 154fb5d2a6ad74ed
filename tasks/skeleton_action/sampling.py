"""Clips as a network sees them: a few frames of each, drawn at random."""

import numpy as np
import torch
from numpy.random import Generator, default_rng
from torch import Tensor
from torch.utils.data import Dataset

from ..config import TaskError
from .arrays import SkeletonSet

SHORTEST_CROP = 0.5  # of a clip


def drawn_frames(sampling: str, length: int, size: int, rng: Generator) -> np.ndarray:
    """Which `size` frames of a clip of this length are taken; -1 stands for zeros.

    "uniform": one frame at random of each of `size` equal parts of the clip, whatever its length. "crop": the same of a
    random interval of half the clip or more. "published": :func:`published_frames`.
    """
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


def rotation_matrix(degrees: float, rng: Generator) -> np.ndarray:
    """A turn about the vertical and then the sideways axis, each by an angle within +-degrees."""
    (s, t), (c, d) = np.sin(a := np.deg2rad(rng.uniform(-degrees, degrees, 2))), np.cos(a)
    return np.array(((c, 0, s), (s * t, d, -c * t), (-s * d, t, c * d)))


class SampledClips(Dataset):
    """Pairs of frames and label: (S, J, 3) for training, (votes, S, J, 3) with `votes`, for a mean over the draws.

    What is drawn follows from the seed, the epoch and the clip.

    Args:
        chosen: numbers of the clips.
        size: S, the frames drawn.
        random_time: S is from N(size, (size / 4)^2), within size / 4 to 2 size, the same for a batch.
        rotation: degrees by which a clip is turned at most.
        sampling: how frames are drawn, as in :func:`drawn_frames`.
    """

    def __init__(
        self,
        clips: SkeletonSet,
        chosen: np.ndarray,
        size: int,
        seed: int,
        votes: int = 0,
        random_time: bool = False,
        rotation: float = 0.0,
        sampling: str = "published",
    ) -> None:
        self.sampling = sampling
        self.clips, self.chosen, self.size, self.seed, self.votes = clips, chosen, size, seed, votes
        self.random_time, self.rotation = random_time, rotation
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Other frames are drawn in each epoch."""
        self.epoch = epoch

    def __len__(self) -> int:
        return len(self.chosen)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        return self.__getitems__([index])[0]

    def __getitems__(self, indices: list[int]) -> list[tuple[Tensor, int]]:
        """The samples of a batch."""
        size = self.size
        if self.random_time:
            drawn = default_rng((self.seed, self.epoch, *indices)).normal(self.size, self.size / 4)
            size = int(np.clip(round(drawn), max(1, self.size // 4), 2 * self.size))
        return [self._sample(index, size) for index in indices]

    def _sample(self, index: int, size: int) -> tuple[Tensor, int]:
        number = self.chosen[index]
        rng = default_rng((self.seed, self.epoch, index))
        draws = [self._draw(number, size, rng) for _ in range(max(self.votes, 1))]
        return torch.from_numpy(np.stack(draws) if self.votes else draws[0]), int(self.clips.label[number])

    def _draw(self, number: int, size: int, rng: Generator) -> np.ndarray:
        frames = drawn_frames(self.sampling, int(self.clips.length[number]), size, rng)
        clip = self.clips.data[number, np.maximum(frames, 0)].astype(np.float32)
        clip[frames < 0] = 0
        if not np.isfinite(clip).all():
            name = self.clips.name[number]
            raise TaskError(f"the clip {name} has positions that are not finite; expected zeros for absent persons")
        return clip @ rotation_matrix(self.rotation, rng).T.astype(np.float32) if self.rotation else clip
