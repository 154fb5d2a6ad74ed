"""Launches a kernel on the device of its tensors."""

from torch import Tensor

from ..runtime import source
from . import chunks, cpu, gpu
from .chunks import Summary
from .sequence import SequenceKernel, Steps, Tensors


def on_gpu(tensor: Tensor) -> bool:
    return tensor.is_cuda


def launch(
    kernel: SequenceKernel, cell: tuple[str, ...], steps: Steps, tensors: Tensors, summary: Summary | None = None
) -> None:
    """Runs a kernel over sequences that are not empty.

    `cell` are the defines that choose the cell's mathematics. With a summary, time may be split into chunks on a GPU:
    as `steps` specify, or by default for few lanes and many steps.
    """
    sequences = kernel.of(tensors)
    if not on_gpu(sequences[0]):
        if not sequences[0].is_cpu:
            raise ValueError(
                f"{kernel.name} got tensors on {sequences[0].device}, expected a CPU or a CUDA device; move them"
            )
        return cpu.launch(kernel, cell, steps, tensors, sequences)
    chunk = chunks.chunk_steps(*sequences[0].shape) if steps.chunk is None else steps.chunk
    if (
        summary
        and chunk
        and chunks.can_sum_up(summary, sequences[0].dtype, steps.resets is not None, source.generation)
    ):
        return chunks.launch(kernel, summary, steps, tensors, chunk)
    return gpu.launch(kernel, cell, steps, tensors)
