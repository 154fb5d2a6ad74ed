"""Runs a kernel: one block after the other, all threads of a block in parallel."""

import itertools
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from .arguments import bind_arguments
from .faults import Fault
from .lanes import Lanes, Triple
from .memory import WARP, GenericMemory
from .program import Program
from .ptx import Kernel, parse
from .shared_memory import SharedMemory

MAX_GRID = (2**31 - 1, 65535, 65535)
MAX_SHARED = 48 * 1024  # bytes, without a kernel attribute that nothing here sets


def run(
    ptx: str, name: str, arguments: Sequence[Any], grid: Sequence[int], block: Sequence[int], shared: int = 0
) -> Counter[str]:
    """Launches a kernel of a PTX module on numpy arrays, in place, and returns its statistics.

    The statistics: `warp_instructions`; `global_load_bytes`, `_requests` (one per warp) and `_sectors` (of 32 bytes),
    and the same for `global_store`; `shared_requests`, `shared_wavefronts` and `shared_bank_conflicts`. Arrays may have
    any strides; those that torch allocates start on a sector, as on a device.
    """
    kernel = parse(ptx)[name]
    launch = Launch(kernel, arguments, triple(grid), triple(block), shared)
    with np.errstate(all="ignore"):
        launch.run()
    return launch.statistics


def triple(sizes: Sequence[int]) -> Triple:
    x, y, z = (*sizes, 1, 1)[:3]
    return x, y, z


class Launch:
    """One launch of a kernel."""

    def __init__(self, kernel: Kernel, arguments: Sequence[Any], grid: Triple, block: Triple, shared: int) -> None:
        self.kernel, self.grid = kernel, grid
        self.statistics: Counter[str] = Counter()
        held, self.global_memory = bind_arguments(kernel, arguments, self.statistics)
        self.check_size(grid, block, kernel.shared_size + shared)
        self.lanes = Lanes(kernel, grid, block)
        self.shared = SharedMemory(kernel.shared_size + shared, self.statistics)
        generic = GenericMemory(self.global_memory, self.shared)
        memories = {"global": self.global_memory, "shared": self.shared, "generic": generic}
        self.steps = Program(kernel, self.lanes, memories, held).steps

    def check_size(self, grid: Triple, block: Triple, shared: int) -> None:
        if not (
            all(1 <= size <= most for size, most in zip(grid, MAX_GRID, strict=True))
            and all(size >= 1 for size in block)
            and math.prod(block) <= self.kernel.max_threads
            and block[2] <= 64
            and shared <= MAX_SHARED
        ):
            raise Fault(
                f"{self.kernel.name}: cannot launch grid {grid} of blocks {block} with {shared} bytes of shared memory "
                f"(at most {self.kernel.max_threads} threads and {MAX_SHARED} bytes)"
            )

    def run(self) -> None:
        for block, (z, y, x) in enumerate(itertools.product(*map(range, reversed(self.grid)))):
            self.lanes.begin((x, y, z))
            self.global_memory.begin(block)
            self.shared.clear()
            try:
                self.run_block()
            except Fault as fault:
                raise Fault(f"{self.kernel.name}, block {(x, y, z)}: {fault}") from None

    def run_block(self) -> None:
        """Always runs the threads that are furthest behind, so that divergent ones meet again."""
        end = len(self.steps)
        position = np.where(self.lanes.alive, 0, end)
        waiting = np.zeros(self.lanes.size, bool)
        while True:
            ready = np.where(waiting, end, position)
            here = int(ready.min())
            if here < end:
                lanes = ready == here
                self.advance(lanes, here, int(ready.min(where=~lanes, initial=end)), position, waiting)
            elif waiting.any():
                self.release(position, waiting)
            else:
                return

    def advance(self, lanes: np.ndarray, here: int, until: int, position: np.ndarray, waiting: np.ndarray) -> None:
        """Runs some lanes to the next jump or barrier, or until they catch up with others."""
        warps = int(lanes.reshape(-1, WARP).any(axis=1).sum())
        for current in range(here, until):
            step = self.steps[current]
            active = step.active(lanes)
            self.statistics["warp_instructions"] += warps
            if step.execute is None:
                position[lanes] = current + 1
                if step.target is None:
                    waiting |= active
                else:
                    position[active] = step.target
                    self.lanes.alive &= position < len(self.steps)
                return
            if step.guard is None or active.any():
                try:
                    step.execute(active)
                except Fault as fault:
                    raise Fault(f"{fault}\n  {step.text}") from None
        position[lanes] = until

    def release(self, position: np.ndarray, waiting: np.ndarray) -> None:
        """All live threads wait at a barrier, which must be the same one: on a GPU they would wait forever."""
        barriers = sorted({int(barrier) - 1 for barrier in position[waiting]})
        if len(barriers) > 1:
            where = " and ".join(
                f"{(position[waiting] == barrier + 1).sum()} at instruction {barrier}" for barrier in barriers
            )
            raise Fault(f"barrier: threads wait at different ones: {where}\n  {self.steps[barriers[0]].text}")
        waiting[:] = False
        self.global_memory.synchronize()
        self.shared.synchronize()
