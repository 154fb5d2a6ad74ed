"""Shared memory: one block's scratch, with its races and bank conflicts."""

from collections import Counter

import numpy as np

from .memory import SHARED_BASE, WARP, Access, Memory, Reached, Region, distinct

BANKS = 32
BANK_BYTES = 4


class WarpsSeen:
    """The lowest and the highest warp that touched each byte since the last barrier."""

    def __init__(self, size: int) -> None:
        self.lowest = np.empty(size, np.int64)
        self.highest = np.empty(size, np.int64)
        self.forget()

    def forget(self) -> None:
        self.lowest[:] = np.iinfo(np.int64).max
        self.highest[:] = -1

    def add(self, touched: np.ndarray, warps: np.ndarray) -> None:
        np.minimum.at(self.lowest, touched, warps)
        np.maximum.at(self.highest, touched, warps)

    def others(self, touched: np.ndarray, warps: np.ndarray) -> np.ndarray:
        """Whether a warp other than the given one touched the byte."""
        return (self.lowest[touched] < warps) | (self.highest[touched] > warps)


class SharedMemory(Memory):
    """The static arrays of a kernel and the dynamic one behind them."""

    def __init__(self, size: int, statistics: Counter[str]) -> None:
        self.region = Region("shared memory", SHARED_BASE, np.empty(size, np.uint8))
        self.readers, self.writers = WarpsSeen(size), WarpsSeen(size)
        self.statistics = statistics
        self.clear()

    def clear(self) -> None:
        """Starts a new block, which finds NaN."""
        self.region.data[:] = 0xFF
        self.synchronize()

    def synchronize(self) -> None:
        """All threads passed a barrier: earlier accesses can no longer race with later ones."""
        self.readers.forget()
        self.writers.forget()

    def reach(self, access: Access) -> Reached:
        offsets = self.region.locate(access)
        self.count(access, offsets)
        self.check_races(access, offsets)
        yield slice(None), self.region, offsets

    def check_races(self, access: Access, offsets: np.ndarray) -> None:
        touched = offsets[:, None] + np.arange(access.size)
        warps = np.broadcast_to(access.threads[:, None] // WARP, touched.shape)
        is_store = access.word == "store"
        (self.writers if is_store else self.readers).add(touched, warps)  # first: two warps may race in one instruction
        race = self.writers.others(touched, warps)
        if is_store:
            race |= self.readers.others(touched, warps)
        fault = "race: another warp accessed this since the last barrier"
        self.region.require(~np.any(race, axis=1), fault, access, offsets)

    def count(self, access: Access, offsets: np.ndarray) -> None:
        """A request takes one wavefront per word of the busiest bank; more than one is a conflict.

        Accesses of 8 and 16 bytes are split into half and quarter warps.
        """
        words_each = max(1, access.size // BANK_BYTES)
        parts = access.threads // (WARP // words_each)
        words = offsets[:, None] // BANK_BYTES + np.arange(words_each)
        span = self.region.data.size // BANK_BYTES + 1
        wanted = distinct((parts[:, None] * span + words).ravel())  # threads that want the same word share it
        demand = np.bincount(wanted // span * BANKS + wanted % span % BANKS)
        demand = np.pad(demand, (0, -len(demand) % BANKS)).reshape(-1, BANKS).max(axis=1)
        self.statistics["shared_requests"] += len(distinct(access.threads // WARP))
        self.statistics["shared_wavefronts"] += int(demand.sum())
        self.statistics["shared_bank_conflicts"] += int((demand[demand > 0] - 1).sum())
