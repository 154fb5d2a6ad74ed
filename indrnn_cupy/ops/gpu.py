"""How the lanes of a sequence are divided on a GPU: one thread a lane, with many loads under way. See docs/gpu.md."""

import math
from functools import cache

import torch

from ..runtime import cuda
from .sequence import SequenceKernel, Steps, Tensors, defines, numbers

FEW_BYTES = 64 << 10  # a step of fewer bytes than this needs more than 32 steps under way to keep the memory busy


def launch(kernel: SequenceKernel, cell: tuple[str, ...], steps: Steps, tensors: Tensors, chunk: int = 0) -> None:
    """With `chunk`, that many steps each, the chunks of time run side by side; see chunks.py."""
    sequences = kernel.of(tensors)
    first = sequences[0]
    T, B, H = first.shape
    chunks = math.ceil(T / chunk) if chunk else 1
    threads, prefetch = layout(chunks * B * H, first.dtype, steps.resets is not None)
    program = program_defines(first.dtype, steps.resets is not None, chunk > 0, threads, prefetch, cell)
    arguments = (*tensors, steps.lengths, steps.resets, *numbers(steps, sequences, chunk or T))
    cuda.launch(kernel, program, (B, math.ceil(H / threads), chunks), threads, arguments, first.device)


@cache
def layout(lanes: int, dtype: torch.dtype, resets: bool) -> tuple[int, int]:
    """Threads of a block, and numbers that a thread loads ahead; two such loads are under way at any time.

    Few lanes: small blocks, so that all multiprocessors have work, and as many loads as the registers hold without a
    spill, half as many 64-bit numbers, or with a reset beside each. Many lanes: as the memory is busy with half the
    loads, half the registers, so that more blocks fit, and blocks so large that their number is no limit.
    """
    if lanes * dtype.itemsize > FEW_BYTES:
        return 64, 16
    return 32, 16 if dtype == torch.float64 or resets else 32


@cache
def program_defines(
    dtype: torch.dtype, resets: bool, chunks: bool, threads: int, prefetch: int, cell: tuple[str, ...]
) -> tuple[str, ...]:
    return defines(dtype, resets, chunks, THREADS=threads, LANES=1, PREFETCH=prefetch) + cell
