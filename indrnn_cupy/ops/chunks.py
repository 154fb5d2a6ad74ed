"""Time in chunks that run side by side, exact: for few lanes and many steps on a GPU. See kernels/chunks.cu."""

import math
from dataclasses import dataclass

import torch

from ..runtime import overlay
from . import gpu
from .sequence import TYPES, SequenceKernel, Steps, Tensors, sequence_kernel

STARTS = sequence_kernel(
    "chunks.cu", "chunk_starts", "const scalar* summary, const scalar* initial, scalar* starts", ("starts",)
)


@dataclass(frozen=True)
class Summary:
    """How the chunks of a kernel are summed up."""

    kernel: SequenceKernel  # takes some of the kernel's tensors, then the summary
    takes: tuple[int, ...]  # their places
    start: int  # the place of the state that the kernel starts from
    clamped: bool  # four numbers for each lane and chunk, else two
    sums: int | None = None  # the place of an output that each chunk has a part of


def chunk_steps(T: int, B: int, H: int) -> int:
    """The steps of a chunk where the three passes take less time than one, by the model in docs/gpu.md; else 0."""
    if overlay() or T < 2048 or B * H > 2300 - 2.5e6 / T:  # an edited kernel may be another recurrence than its summary
        return 0
    return max(64, 1 << math.ceil(math.log2(T / 256)))


def launch(
    kernel: SequenceKernel, summary: Summary, cell: tuple[str, ...], steps: Steps, tensors: Tensors, chunk: int
) -> None:
    """Sums up all chunks, finds where each of them starts, and runs the kernel in each."""
    sequence = kernel.of(tensors)[0]
    T, B, H = sequence.shape
    chunks, real = gpu.grid(kernel, T, B, H, chunk)[-1], TYPES[sequence.dtype][2]
    found = sequence.new_empty(4 if summary.clamped else 2, chunks, B, H, dtype=real)
    gpu.launch(summary.kernel, cell, steps, (*(tensors[place] for place in summary.takes), found), chunk)
    initial, starts = tensors[summary.start], found.new_empty(chunks, B, H)
    gpu.launch(
        STARTS,
        (f"CLAMPED={summary.clamped:d}",),
        Steps(),
        (found, None if initial is None else initial.to(real), starts),
    )
    parts = list(tensors)
    parts[summary.start] = starts
    if summary.sums is None:
        return gpu.launch(kernel, cell, steps, tuple(parts), chunk)
    sums = found.new_empty(chunks, B, H)
    parts[summary.sums] = sums
    gpu.launch(kernel, cell, steps, tuple(parts), chunk)
    torch.sum(sums, 0, out=tensors[summary.sums])
