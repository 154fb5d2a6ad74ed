"""Loads and stores by many threads at once: what global and shared memory have in common.

A device address holds the number of an array argument in its upper 16 bits and the array's real host address below.
Arguments that share memory therefore see each other's writes, alignment is that of the real data, and every access is
checked against the argument from which its address was computed. Shared memory begins at SHARED_BASE; null is 0.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from .faults import Fault

WARP = 32
ARGUMENT_SHIFT = 48
SHARED_BASE = 1 << 24


class Access(NamedTuple):
    """One instruction: each of some threads loads or stores `size` bytes at its address."""

    word: str
    size: int
    addresses: np.ndarray
    threads: np.ndarray
    block: int = 0
    interval: int = 0  # between two barriers

    def part(self, chosen: np.ndarray) -> "Access":
        return self._replace(addresses=self.addresses[chosen], threads=self.threads[chosen])


class Region:
    """Bytes at a device address that can be read and written as values of any type."""

    def __init__(self, name: str, start: int, data: np.ndarray) -> None:
        self.name, self.start, self.data = name, start, data

    def locate(self, access: Access) -> np.ndarray:
        """The byte at which each access begins; all must be aligned and in bounds."""
        offsets = access.addresses - self.start
        self.require(access.addresses % access.size == 0, "misaligned", access, offsets)
        self.require((offsets >= 0) & (offsets + access.size <= self.data.size), "out of bounds", access, offsets)
        return offsets

    def require(self, right: np.ndarray, fault: str, access: Access, offsets: np.ndarray) -> None:
        """Raises a Fault that describes the first wrong access."""
        if not right.all():
            i = right.argmin()
            raise Fault(
                f"{fault}: {access.word} of {access.size} bytes by thread {access.threads[i]} "
                f"at byte {offsets[i]} of {self.name}, which has {self.data.size} bytes"
            )

    def window(self, dtype: np.dtype) -> np.ndarray:
        """An array whose element i is the value that begins at byte i."""
        return np.ndarray((max(0, self.data.size - dtype.itemsize + 1),), dtype, self.data, strides=(1,))


Reached = Iterator[tuple[np.ndarray | slice, Region, np.ndarray]]


class Memory(ABC):
    """An address space."""

    @abstractmethod
    def reach(self, access: Access) -> Reached:
        """Checks and counts an access; yields each region that it touches: by which threads, and at which bytes."""

    def load(self, addresses: np.ndarray, threads: np.ndarray, dtype: np.dtype, count: int) -> np.ndarray:
        """`count` consecutive values for each thread, as a (count, threads) array."""
        values = np.empty((count, len(threads)), dtype)
        for chosen, region, offsets in self.reach(Access("load", values[:, :1].nbytes, addresses, threads)):
            window = region.window(dtype)
            for i in range(count):
                values[i, chosen] = window[offsets + i * dtype.itemsize]
        return values

    def store(self, addresses: np.ndarray, threads: np.ndarray, values: np.ndarray) -> None:
        """The opposite of `load`."""
        for chosen, region, offsets in self.reach(Access("store", values[:, :1].nbytes, addresses, threads)):
            window = region.window(values.dtype)
            for i, value in enumerate(values):
                window[offsets + i * values.itemsize] = value[chosen]


class GenericMemory(Memory):
    """Global or shared memory, by address, for pointers whose address space the compiler cannot determine."""

    def __init__(self, global_memory: Memory, shared_memory: Memory) -> None:
        self.global_memory, self.shared_memory = global_memory, shared_memory

    def reach(self, access: Access) -> Reached:
        is_shared = (access.addresses >= SHARED_BASE) & (access.addresses < 2 * SHARED_BASE)
        for memory, chosen in ((self.shared_memory, is_shared), (self.global_memory, ~is_shared)):
            if chosen.any():
                for inner, region, offsets in memory.reach(access.part(chosen)):
                    yield np.flatnonzero(chosen)[inner], region, offsets


def distinct(values: np.ndarray) -> np.ndarray:
    """The sorted distinct values; several times faster than np.unique."""
    ordered = np.sort(values)
    return ordered[np.concatenate(([True], ordered[1:] != ordered[:-1]))]
