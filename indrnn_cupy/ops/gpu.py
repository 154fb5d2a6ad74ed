"""How the lanes of a sequence are divided on a GPU: one thread per lane, with many loads in flight. See docs/gpu.md."""

import math
from functools import cache

import torch

from ..runtime import cuda
from .sequence import SequenceKernel, Steps, Tensors, defines, integers

THREADS = 32  # per block: few lanes reach all multiprocessors, and registers, not blocks, limit the number of warps
ROW_THREADS = 256  # per block that has a whole row
MOST_BLOCKS = (2**31 - 1, 65535, 65535)  # of a grid, in each dimension; CuPy silently truncates larger grids


def launch(kernel: SequenceKernel, cell: tuple[str, ...], steps: Steps, tensors: Tensors, chunk: int = 0) -> None:
    """Runs a kernel; with `chunk`, in chunks of this number of steps that run in parallel, see chunks.py."""
    sequences = kernel.of(tensors)
    first = sequences[0]
    T, B, H = first.shape
    program = layout(kernel, first.dtype, steps.resets is not None, chunk > 0, cell)
    arguments = (*tensors, steps.lengths, steps.resets, *integers(steps, sequences, chunk or T))
    cuda.launch(kernel, program, grid(kernel, T, B, H, chunk), threads(kernel), arguments, first.device)


def grid(kernel: SequenceKernel, T: int, B: int, H: int, chunk: int) -> tuple[int, int, int]:
    """Blocks over rows, hidden units and steps; raises ValueError if there are more than a GPU supports."""
    unit_blocks = 1 if kernel.block_per_row else math.ceil(H / THREADS)
    rows, _, chunks = blocks = B, unit_blocks, math.ceil(T / chunk) if chunk else 1
    most_rows, most_unit_blocks, most_chunks = MOST_BLOCKS
    if rows > most_rows:
        raise ValueError(f"B is {B}, expected at most {most_rows} rows on a GPU; split the batch")
    if unit_blocks > most_unit_blocks:
        most = most_unit_blocks * THREADS
        raise ValueError(f"H is {H}, expected at most {most} hidden units on a GPU; split the hidden units")
    if chunks > most_chunks:
        raise ValueError(
            f"chunk is {chunk}, which cuts T = {T} steps into {chunks} chunks, expected at most {most_chunks}; "
            f"use a chunk of {math.ceil(T / most_chunks)} or more"
        )
    return blocks


def threads(kernel: SequenceKernel) -> int:
    return ROW_THREADS if kernel.block_per_row else THREADS


@cache
def layout(
    kernel: SequenceKernel, dtype: torch.dtype, resets: bool, chunks: bool, cell: tuple[str, ...]
) -> tuple[str, ...]:
    """The defines of a program. A thread has up to twice PREFETCH loads in flight: what fits its registers."""
    prefetch = 16 if resets else 20 if dtype == torch.float64 else 32
    return defines(dtype, resets, chunks, THREADS=threads(kernel), LANES=1, PREFETCH=prefetch) + cell
