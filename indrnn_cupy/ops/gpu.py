"""How the lanes of a sequence are divided on a GPU: one thread a lane, with many loads under way. See docs/gpu.md."""

import math
from functools import cache

import torch

from ..runtime import cuda
from .sequence import SequenceKernel, Steps, Tensors, defines, numbers

THREADS = 32  # of a block: few lanes reach all multiprocessors, and registers, not blocks, limit how many warps fit
ROW_THREADS = 256  # of a block that has a whole row
MOST_UNITS = 65535 * THREADS


def launch(kernel: SequenceKernel, cell: tuple[str, ...], steps: Steps, tensors: Tensors, chunk: int = 0) -> None:
    """With `chunk`, that many steps each, the chunks of time run side by side; see chunks.py."""
    sequences = kernel.of(tensors)
    first = sequences[0]
    T, B, H = first.shape
    if H > MOST_UNITS:
        raise ValueError(f"H is {H}; the grid of a GPU reaches {MOST_UNITS} hidden units, cut the sequence in two")
    unit_blocks = 1 if kernel.block_per_row else math.ceil(H / THREADS)
    program = layout(kernel, first.dtype, steps.resets is not None, chunk > 0, cell)
    arguments = (*tensors, steps.lengths, steps.resets, *numbers(steps, sequences, chunk or T))
    grid = (B, unit_blocks, math.ceil(T / chunk) if chunk else 1)
    cuda.launch(kernel, program, grid, threads(kernel), arguments, first.device)


def threads(kernel: SequenceKernel) -> int:
    return ROW_THREADS if kernel.block_per_row else THREADS


@cache
def layout(
    kernel: SequenceKernel, dtype: torch.dtype, resets: bool, chunks: bool, cell: tuple[str, ...]
) -> tuple[str, ...]:
    """The defines of a program. A thread has up to twice PREFETCH loads under way: what fits its registers."""
    prefetch = 16 if resets else 20 if dtype == torch.float64 else 32
    return defines(dtype, resets, chunks, THREADS=threads(kernel), LANES=1, PREFETCH=prefetch) + cell
