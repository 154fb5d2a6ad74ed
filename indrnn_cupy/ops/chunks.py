"""Chunks of time that run in parallel, exactly: for few lanes and many steps on a GPU. See kernels/chunks.cu."""

import math
from dataclasses import dataclass
from functools import cache

import torch

from ..runtime import cuda, source
from ..runtime.errors import KernelCompileError
from . import gpu
from .sequence import TYPES, SequenceKernel, Steps, Tensors, sequence_kernel

STARTS = sequence_kernel(
    "chunks.cu", "chunk_starts", "const scalar* summary, const scalar* initial, scalar* starts", ("starts",)
)


@dataclass(frozen=True)
class Summary:
    """How the chunks of a kernel are summarised."""

    kernel: SequenceKernel  # takes the first tensors of the kernel, then the summary
    takes: int  # how many; the next one is the state that the kernel starts from
    clamped: bool  # four values per lane and chunk, else two; not every cell has such a summary
    sums: int | None  # the position of an output that is summed over chunks


def chunk_steps(T: int, B: int, H: int) -> int:
    """The steps in a chunk if three passes take less time than one, by the model in docs/gpu.md; else 0.

    Args:
        T, B, H: time steps, batch size and hidden units.
    """
    if T < 2048 or B * H > 2300 - 2.5e6 / T:
        return 0
    return max(64, 1 << math.ceil(math.log2(T / 256)))


@cache
def can_sum_up(summary: Summary, dtype: torch.dtype, resets: bool, generation: int) -> bool:
    """Whether a cell is linear in its state, or linear and clamped; otherwise its summary does not compile."""
    if not summary.clamped:
        return True
    if (folder := source.overlay()) and (folder / "activation.cuh").exists():
        return False  # its relu may not be a clamp
    try:
        kernel = summary.kernel
        cuda.load(
            kernel, gpu.layout(kernel, dtype, resets, True, kernel.defines), torch.cuda.current_device(), generation
        )
        return True
    except KernelCompileError:
        return False


def launch(kernel: SequenceKernel, summary: Summary, steps: Steps, tensors: Tensors, chunk: int) -> None:
    """Summarises all chunks, computes the state at the start of each, and runs the kernel in each."""
    sequence = kernel.of(tensors)[0]
    T, B, H = sequence.shape
    chunks, real = gpu.grid(kernel, T, B, H, chunk)[-1], TYPES[sequence.dtype][2]
    found = sequence.new_empty(4 if summary.clamped else 2, chunks, B, H, dtype=real)
    gpu.launch(summary.kernel, summary.kernel.defines, steps, (*tensors[: summary.takes], found), chunk)
    starts = found.new_empty(chunks, B, H)
    gpu.launch(STARTS, (f"CLAMPED={summary.clamped:d}",), Steps(), (found, tensors[summary.takes], starts))
    parts = [*tensors[: summary.takes], starts, *tensors[summary.takes + 1 :]]
    if summary.sums is None:
        return gpu.launch(kernel, kernel.defines, steps, tuple(parts), chunk)
    total = tensors[summary.sums]
    assert total is not None
    sums = parts[summary.sums] = found.new_empty(chunks, *total.shape)
    gpu.launch(kernel, kernel.defines, steps, tuple(parts), chunk)
    torch.sum(sums, 0, out=total)
