"""An endless stream of training samples, starting at any step."""

import os
from collections.abc import Iterator
from itertools import islice
from typing import cast

import torch
from torch import Tensor
from torch.utils.data import DataLoader, DistributedSampler

from .config import TaskError, TrainingConfig
from .distributed import rank, world_size
from .task import Samples


class ResumableSampler(DistributedSampler):
    """A DistributedSampler that can start in the middle of an epoch."""

    skipped = 0

    def seek(self, epoch: int, skipped: int) -> None:
        """Makes the next iteration start in this epoch, after the first `skipped` samples of this process."""
        self.set_epoch(epoch)
        self.skipped = skipped

    def __iter__(self) -> Iterator[int]:
        return islice(super().__iter__(), self.skipped, None)


def share_of_batch(config: TrainingConfig) -> int:
    """The batch size of each process."""
    own_batch, left = divmod(config.batch_size, world_size())
    if left:
        raise TaskError(f"--batch-size {config.batch_size} cannot be divided among {world_size()} processes")
    return own_batch


def training_loader(dataset: Samples, config: TrainingConfig, in_order: bool = False) -> DataLoader:
    """Loads full batches of this process's samples, shuffled by the seed and the epoch, or in order."""
    sampler = ResumableSampler(dataset, world_size(), rank(), not in_order, config.seed, drop_last=True)
    own_batch = share_of_batch(config)
    if len(sampler) < own_batch:
        raise TaskError(f"--batch-size is {config.batch_size}, more than the {len(dataset)} training samples")
    # A separate generator: otherwise the loader draws from the global one at the start of each epoch.
    generator = torch.Generator()
    return DataLoader(
        dataset,
        own_batch,
        sampler=sampler,
        drop_last=True,
        generator=generator,
        num_workers=config.workers,
        worker_init_fn=apart,
    )


def apart(worker: int) -> None:
    """Puts a data loading process into its own process group, so that only the training process gets Ctrl-C."""
    os.setpgrp()


def endless(loader: DataLoader, step: int) -> Iterator[list[Tensor]]:
    """Yields batches endlessly, starting after the first `step` of them."""
    sampler = cast(ResumableSampler, loader.sampler)
    while True:
        epoch, done = divmod(step, len(loader))
        sampler.seek(epoch, done * cast(int, loader.batch_size))
        if set_epoch := getattr(loader.dataset, "set_epoch", None):
            set_epoch(epoch)
        for batch in loader:
            yield batch
            step += 1
