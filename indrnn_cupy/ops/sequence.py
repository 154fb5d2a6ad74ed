"""Kernels over (T, B, H) sequences: the parameters and the defines that all of them share."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..runtime import Kernel

# The type in memory, and the type of the arithmetic and of the weights, in C and in torch.
TYPES = {
    torch.float64: ("double", "double", torch.float64),
    torch.float32: ("float", "float", torch.float32),
    torch.float16: ("Half", "float", torch.float32),
    torch.bfloat16: ("BFloat16", "float", torch.float32),
}
# The parameters of every kernel between its tensors and their strides.
STEPS = (
    "const long long* lengths, const bool* resets, long long T, long long B, long long H, long long reverse, "
    "long long chunk, long long resets_t, long long resets_b"
)
Tensors = tuple[Tensor | None, ...]


class Steps(NamedTuple):
    """How a recurrence goes through time."""

    lengths: Tensor | None = None  # (B,) int64
    resets: Tensor | None = None  # (T, B) bool
    reverse: bool = False
    chunk: int | None = None  # on a GPU, the steps in a parallel chunk; 0 for no chunks, None for a default


@dataclass(frozen=True)
class SequenceKernel(Kernel):
    """A kernel that takes its tensors, STEPS, and the strides over time and batch of those that are sequences."""

    sequences: tuple[int, ...]  # the positions of the (T, B, H) tensors among its tensors
    tile: int = 2048  # lanes whose values fit the L1 cache of a CPU core
    defines: tuple[str, ...] = ()  # that choose the mathematics
    small: bool = False  # over the lanes of a batch, not over time
    block_per_row: bool = False  # a block has a row of the batch with all its hidden units, which depend on each other

    def __hash__(self) -> int:  # cheap, as every launch looks something up by it
        return hash(self.name)

    def of(self, tensors: Tensors) -> list[Tensor]:
        """Those of its tensors that are sequences; the first determines the shape and dtype of all."""
        return [tensors[place] for place in self.sequences]  # type: ignore[misc]  # a sequence is never None


def sequence_kernel(file: str, name: str, tensors: str, sequences: tuple[str, ...], **options: Any) -> SequenceKernel:
    """`tensors` is a C parameter list, `sequences` are the names of the (T, B, H) ones in it."""
    names = [parameter.split()[-1] for parameter in tensors.split(",")]
    strides = [f"long long {name}_t, long long {name}_b" for name in sequences]
    places = tuple(names.index(name) for name in sequences)
    return SequenceKernel(file, name, ", ".join((tensors, STEPS, *strides)), places, **options)


def integers(steps: Steps, sequences: Sequence[Tensor | None], chunk: int) -> list[int]:
    """The integer arguments of a kernel, in their order; `sequences` after the first may be None."""
    resets = (0, 0) if steps.resets is None else steps.resets.stride()
    values = [*sequences[0].shape, int(steps.reverse), chunk, *resets]  # type: ignore[union-attr]
    for sequence in sequences:
        values += (0, 0) if sequence is None else sequence.stride()[:2]
    return values


def defines(dtype: torch.dtype, resets: bool, chunks: bool, **others: int) -> tuple[str, ...]:
    """The defines of dialect.cuh, tile.cuh and recurrence.cuh."""
    scalar, real, _ = TYPES[dtype]
    flags = {"RESETS": int(resets), "CHUNKS": int(chunks), **others}
    return f"SCALAR={scalar}", f"REAL={real}", *(f"{name}={value}" for name, value in flags.items())
