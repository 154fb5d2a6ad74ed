"""How the lanes of a sequence are divided on a CPU: into tiles, shared among torch's threads."""

import math
from functools import cache

import torch
from torch import Tensor

from ..runtime import host, source
from .sequence import SequenceKernel, Steps, Tensors, defines, integers

LANES = 64  # in parallel: four or more SIMD registers, enough to hide each other's latency
STREAM_BYTES = 8 << 20  # outputs above this leave the cache before they are read again
SMALL = 1 << 15  # elements below which a second thread costs more than it saves


def launch(
    kernel: SequenceKernel, cell: tuple[str, ...], steps: Steps, tensors: Tensors, sequences: list[Tensor]
) -> None:
    first = sequences[0]
    elements, (T, B, H) = first.numel(), first.shape
    threads = torch.get_num_threads() if elements > SMALL else 1
    host.launch(
        kernel,
        program(kernel, first.dtype, elements, steps.resets is not None, cell),
        (B, 1, 1) if kernel.block_per_row else grid(kernel.tile, B, H, threads),
        threads,
        (*tensors, steps.lengths, steps.resets),
        integers(steps, sequences, chunk=T),
    )


def prepare(kernel: SequenceKernel, dtype: torch.dtype, elements: int, resets: bool) -> None:
    """Starts compiling a kernel that will be launched on sequences of this dtype and size."""
    host.prepare(kernel, program(kernel, dtype, elements, resets, kernel.defines), source.generation)


def program(
    kernel: SequenceKernel, dtype: torch.dtype, elements: int, resets: bool, cell: tuple[str, ...]
) -> tuple[str, ...]:
    return layout(kernel, dtype, resets, elements * dtype.itemsize > STREAM_BYTES, cell)


@cache
def layout(
    kernel: SequenceKernel, dtype: torch.dtype, resets: bool, stream: bool, cell: tuple[str, ...]
) -> tuple[str, ...]:
    """The defines of a program."""
    return defines(dtype, resets, False, THREADS=1, LANES=LANES, TILE=kernel.tile, STREAM=int(stream)) + cell


@cache
def grid(tile: int, B: int, H: int, threads: int) -> tuple[int, int, int]:
    """Blocks over the batch and over hidden units: tiles of neighbouring rows, an equal number for each thread.

    A wide tile reads and writes long contiguous parts of memory at each step, which saves address translations.
    """
    lanes = math.ceil(H / LANES) * LANES
    unit_blocks = max(math.ceil(lanes / tile), min(math.ceil(H / LANES), threads // B))
    row_blocks = math.ceil(B / max(1, tile // math.ceil(lanes / unit_blocks)))
    return min(B, math.ceil(row_blocks / threads) * threads), unit_blocks, 1
