"""Clips as the training loop takes them: a few frames of each, drawn at random."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.random import Generator, default_rng
from torch import Tensor
from torch.utils.data import Dataset

from ..config import TaskError
from .arrays import SkeletonSet
from .augmentation import Augmentation
from .placing import Center, Scale, placed
from .sampling import Sampling, drawn_frames


@dataclass(frozen=True)
class Reader:
    """How frames are drawn from a clip, and where its origin and its unit are."""

    clips: SkeletonSet
    sampling: Sampling
    center: Center
    scale: Scale

    def read(self, number: int) -> np.ndarray:
        """All frames of a clip, (F, J, 3) float32."""
        clip = self.clips.data[number, : self.clips.length[number]].astype(np.float32)
        if not np.isfinite(clip).all():
            name = self.clips.name[number]
            raise TaskError(f"the clip {name} has positions that are not finite; expected zeros for absent persons")
        return placed(clip, self.clips.parents, self.center, self.scale)

    def draw(self, clip: np.ndarray, size: int, rng: Generator) -> np.ndarray:
        """Some frames of a clip, (size, J, 3), or all of them."""
        frames = drawn_frames(self.sampling, len(clip), size, rng)
        drawn = clip[frames]
        drawn[frames < 0] = 0
        return drawn


class SampledClips(Dataset):
    """Pairs of frames and label: (S, J, 3) for training, (votes, S, J, 3) with `votes`, for a mean over the draws.

    What is drawn follows from the seed, the epoch and the clip. With all frames S is that of the longest clip of a
    batch, and NaN follows those that are shorter.

    Args:
        chosen: numbers of the clips.
        size: S, the frames drawn.
        random_time: S is from N(size, (size / 4)^2), within size / 4 to 2 size, the same for a batch.
        augmentation: what changes a clip.
    """

    def __init__(
        self,
        reader: Reader,
        chosen: np.ndarray,
        size: int,
        seed: int,
        votes: int = 0,
        random_time: bool = False,
        augmentation: Augmentation | None = None,
    ) -> None:
        self.reader, self.chosen, self.size, self.seed, self.votes = reader, chosen, size, seed, votes
        self.random_time, self.augmentation = random_time, augmentation
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
        samples = [self._sample(index, size) for index in indices]
        longest = max(clips.shape[-3] for clips, _ in samples)
        return [(torch.from_numpy(padded(clips, longest)), label) for clips, label in samples]

    def _sample(self, index: int, size: int) -> tuple[np.ndarray, int]:
        number = self.chosen[index]
        rng = default_rng((self.seed, self.epoch, index))
        clip = self.reader.read(number)
        draws = [self.reader.draw(clip, size, rng) for _ in range(max(self.votes, 1))]
        if self.augmentation:
            draws = [self.augmentation(draw, rng) for draw in draws]
        return np.stack(draws) if self.votes else draws[0], int(self.reader.clips.label[number])


def padded(clips: np.ndarray, frames: int) -> np.ndarray:
    """Clips (..., S, J, 3) with NaN up to so many frames."""
    more = [(0, 0)] * (clips.ndim - 3) + [(0, frames - clips.shape[-3]), (0, 0), (0, 0)]
    return np.pad(clips, more, constant_values=np.nan)
