"""Global memory: the array arguments of a launch, and how coalesced the accesses to them are."""

import ctypes
from collections import Counter

import numpy as np
from numpy.lib.array_utils import byte_bounds
from numpy.lib.stride_tricks import as_strided

from .faults import Fault
from .memory import ARGUMENT_SHIFT, WARP, Access, Memory, Reached, Region, distinct

SECTOR = 32  # bytes: the unit of traffic between the memory and a multiprocessor


class Argument(Region):
    """The bytes of an array, of any strides, from its first to its last element."""

    def __init__(self, name: str, number: int, array: np.ndarray) -> None:
        low, high = byte_bounds(array) if array.size else (array.ctypes.data, array.ctypes.data)
        data = np.ctypeslib.as_array((ctypes.c_uint8 * (high - low)).from_address(low))
        tag = number << ARGUMENT_SHIFT
        super().__init__(name, tag | low, data)
        self.pointer = tag | array.ctypes.data
        self.array = array  # kept alive
        mask = np.zeros(high - low, bool)
        first = mask[array.ctypes.data - low :]
        as_strided(first, (*array.shape, array.itemsize), (*array.strides, 1))[...] = True
        self.belongs = None if mask.all() else mask
        self.writers = np.full(high - low, -1, np.int32)  # the block that wrote each byte
        self.written, self.read = np.zeros((2, high - low), np.int64)  # when and by which warp: see check_warps

    def locate(self, access: Access) -> np.ndarray:
        offsets = super().locate(access)
        touched = offsets[:, None] + np.arange(access.size)
        if self.belongs is not None:
            self.require(np.all(self.belongs[touched], axis=1), "between the rows of a slice", access, offsets)
        writers = self.writers[touched]
        mine = np.all((writers == -1) | (writers == access.block), axis=1)
        self.require(mine, "race: another block wrote this", access, offsets)
        self.check_warps(access, offsets, touched)
        if access.word == "store":
            self.writers[touched] = access.block
        return offsets

    def check_warps(self, access: Access, offsets: np.ndarray, touched: np.ndarray) -> None:
        """The last reader and the last writer of a byte are stored as `WARP * interval + warp`."""
        start = access.interval * WARP
        own = (start + access.threads // WARP)[:, None]
        seen = [self.written[touched]]
        if access.word == "store":
            self.written[touched] = own
            seen += [self.read[touched], self.written[touched]]  # again: two warps may race in one instruction
        else:
            self.read[touched] = own
        alone = np.all([(last < start) | (last == own) for last in seen], axis=(0, 2))
        self.require(alone, "race: another warp accessed this since the last barrier", access, offsets)


class GlobalMemory(Memory):
    """All array arguments of a launch; `nulls` are the names of the parameters that got None."""

    def __init__(self, arguments: dict[int, Argument], nulls: list[str], statistics: Counter[str]) -> None:
        self.arguments, self.nulls, self.statistics = arguments, nulls, statistics
        self.block = 0  # the running block
        self.interval = 0  # between two barriers of a block

    def begin(self, block: int) -> None:
        """Starts a new block."""
        self.block = block
        self.synchronize()

    def synchronize(self) -> None:
        """All threads passed a barrier: earlier accesses can no longer race with later ones."""
        self.interval += 1

    def reach(self, access: Access) -> Reached:
        self.count(access)
        access = access._replace(block=self.block, interval=self.interval)
        numbers = access.addresses >> ARGUMENT_SHIFT
        for number in distinct(numbers).tolist():
            chosen = numbers == number
            if number not in self.arguments:
                raise self.lost(access.part(chosen))
            argument = self.arguments[number]
            yield chosen, argument, argument.locate(access.part(chosen))

    def lost(self, access: Access) -> Fault:
        """The fault for addresses that were not computed from an array argument."""
        address = int(access.addresses[0])
        what = f"{access.word} of {access.size} bytes by thread {access.threads[0]}"
        if self.nulls and abs(address) < 1 << 40:  # below any host address
            return Fault(f"null pointer: {what} at byte {address} of None, passed as {' and '.join(self.nulls)}")
        return Fault(f"out of bounds: {what} at address {address:#x}, which belongs to no argument")

    def count(self, access: Access) -> None:
        """Counts bytes, requests (one per warp) and 32-byte sectors (the fewer per request, the better coalesced)."""
        warps, sectors = access.threads // WARP, access.addresses // SECTOR
        order = np.lexsort((sectors, warps))
        change = (np.diff(warps[order]) != 0) | (np.diff(sectors[order]) != 0)
        self.statistics[f"global_{access.word}_bytes"] += access.size * len(access.threads)
        self.statistics[f"global_{access.word}_requests"] += len(distinct(warps))
        self.statistics[f"global_{access.word}_sectors"] += 1 + int(change.sum())  # an aligned access lies in one
