"""What every recurrence's op shares: its registration, and the launch of a kernel over a (T, B, H) sequence."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..runtime import Kernel, cuda, host

# The type in memory, and the type of the arithmetic and of the weights, in C and in torch.
TYPES = {
    torch.float64: ("double", "double", torch.float64),
    torch.float32: ("float", "float", torch.float32),
    torch.float16: ("Half", "float", torch.float32),
    torch.bfloat16: ("BFloat16", "float", torch.float32),
}
# What `launch` passes to every kernel between its tensors and their strides.
STEPS = (
    "const long long* lengths, const bool* resets, "
    "long long T, long long B, long long H, long long reverse, long long resets_t, long long resets_b"
)

THREADS = 32  # small blocks: 4,096 lanes spread over 128 multiprocessors
LANES = 64  # four or more SIMD registers, enough to hide the latency of one another
TILE = 2048  # lanes: with the states of a backward pass this fills a first cache of 32 KiB
STREAM_BYTES = 8 << 20  # outputs above this leave the cache before they are read again
SMALL = 1 << 15  # elements below which a second thread costs more than it saves


def register(name: str, schema: str, function: Callable[..., Any], fake: Callable[..., Any]) -> Callable[..., Any]:
    """Registers one function for CPU and CUDA tensors as the op `indrnn_cupy::name`, and returns the op."""
    qualified = f"indrnn_cupy::{name}"
    torch.library.define(qualified, schema, tags=(torch.Tag.needs_fixed_stride_order,))
    for device in ("cpu", "cuda"):
        torch.library.impl(qualified, device, function)
    torch.library.register_fake(qualified, fake)
    return getattr(torch.ops.indrnn_cupy, name).default


class OnlyOnce(torch.autograd.Function):
    """Calls a backward op such that differentiating its results again is an error, not a silent zero."""

    @staticmethod
    def forward(ctx, op, *arguments):
        return op(*arguments)

    @staticmethod
    def backward(ctx, *_):
        raise RuntimeError(
            "the gradient of a recurrence cannot be differentiated again; use indrnn_cupy.reference there"
        )


def backward_once(op: Callable[..., Any], *arguments: Any) -> Any:
    """Calls a backward op, guarded where a graph of the gradient is made."""
    if torch.is_grad_enabled() and not torch.compiler.is_compiling():
        return OnlyOnce.apply(op, *arguments)
    return op(*arguments)


def empty_like(sequence: Tensor) -> Tensor:
    """Memory for an output, laid out as the sequence if that has its hidden units side by side."""
    output = torch.empty_like(sequence)
    if dense(output) is output:
        return output
    return torch.empty_like(sequence, memory_format=torch.contiguous_format)  # of a sequence that overlaps itself


def sum_rows(rows: Tensor) -> Tensor:
    """The sum over the first dimension, in one order for any number of threads."""
    return rows.sum(0) if rows.shape[1] > 1 else rows.cumsum(0)[-1]  # torch divides a sum to one number by threads


def dense(sequence: Tensor) -> Tensor:
    """The sequence itself if its hidden units lie side by side, whatever the strides of time and batch; else a copy."""
    return sequence if sequence.stride(-1) == 1 or sequence.shape[-1] == 1 else sequence.contiguous()


class Steps(NamedTuple):
    """How a recurrence goes through time; every op takes these three."""

    lengths: Tensor | None  # (B,) int64
    resets: Tensor | None  # (T, B) bool
    reverse: bool


def launch(
    kernel: Kernel, cell: tuple[str, ...], steps: Steps, tensors: tuple[Tensor, ...], sequences: tuple[Tensor, ...]
) -> None:
    """Runs a kernel over sequences that are not empty.

    `cell` are the defines that choose the cell's mathematics, `tensors` the kernel's first parameters, `sequences`
    those of them whose strides it takes in the end.
    """
    lengths, resets, reverse = steps
    strides = [stride for sequence in sequences for stride in sequence.stride()[:2]]
    shape = (*sequences[0].shape, int(reverse), *((0, 0) if resets is None else resets.stride()))
    launcher = launch_on_gpu if sequences[0].is_cuda else launch_on_host
    launcher(kernel, sequences[0], cell, resets is not None, (*tensors, lengths, resets, *shape, *strides))


def launch_on_gpu(kernel: Kernel, sequence: Tensor, cell: tuple[str, ...], resets: bool, arguments: tuple) -> None:
    B, H = sequence.shape[1:]
    grid = (B, math.ceil(H / THREADS))
    cuda.launch(kernel, gpu_defines(sequence.dtype, resets) + cell, grid, THREADS, arguments, sequence.device)


def launch_on_host(kernel: Kernel, sequence: Tensor, cell: tuple[str, ...], resets: bool, arguments: tuple) -> None:
    B, H = sequence.shape[1:]
    threads = torch.get_num_threads() if sequence.numel() > SMALL else 1
    stream = sequence.numel() * sequence.element_size() > STREAM_BYTES
    defines = host_defines(sequence.dtype, resets, stream) + cell
    host.launch(kernel, defines, host_grid(B, H, threads), threads, arguments)


def _common_defines(dtype: torch.dtype, resets: bool) -> tuple[str, ...]:
    scalar, real, _ = TYPES[dtype]
    return f"SCALAR={scalar}", f"REAL={real}", f"RESETS={resets:d}"


@cache
def gpu_defines(dtype: torch.dtype, resets: bool) -> tuple[str, ...]:
    prefetch = 32 if dtype != torch.float64 and not resets else 16  # as many as fit the registers without a spill
    return *_common_defines(dtype, resets), "LANES=1", f"THREADS={THREADS}", f"PREFETCH={prefetch}"


@cache
def host_defines(dtype: torch.dtype, resets: bool, stream: bool) -> tuple[str, ...]:
    return *_common_defines(dtype, resets), f"LANES={LANES}", f"TILE={TILE}", f"STREAM={stream:d}"


@cache
def host_grid(B: int, H: int, threads: int) -> tuple[int, int]:
    """Blocks over the batch and over hidden units: tiles of neighbouring rows, an equal number for each thread.

    A wide tile reads and writes long runs of memory at each step, which spares the translation of addresses.
    """
    lanes = math.ceil(H / LANES) * LANES
    unit_blocks = max(math.ceil(lanes / TILE), min(math.ceil(H / LANES), threads // B))
    row_blocks = math.ceil(B / max(1, TILE // math.ceil(lanes / unit_blocks)))
    return min(B, math.ceil(row_blocks / threads) * threads), unit_blocks
