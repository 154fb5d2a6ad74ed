"""What every recurrence's op shares: its registration, and the launch of a kernel over a (T, B, H) sequence."""

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import torch

from ..runtime import Kernel, cuda, host

# The type in memory and the type of the arithmetic.
TYPES = {torch.float32: ("float", "float"), torch.float64: ("double", "double")}

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


def dense(sequence: torch.Tensor) -> torch.Tensor:
    """The sequence itself if its hidden units lie side by side, whatever the strides of time and batch; else a copy."""
    return sequence if sequence.stride(-1) == 1 or sequence.shape[-1] == 1 else sequence.contiguous()


def launch(kernel: Kernel, sequence: torch.Tensor, cell: tuple[str, ...], *arguments: torch.Tensor | int) -> None:
    """Runs a kernel over a sequence that is not empty; `cell` are the defines that choose the cell's mathematics."""
    (launch_on_gpu if sequence.is_cuda else launch_on_host)(kernel, sequence, cell, arguments)


def launch_on_gpu(kernel: Kernel, sequence: torch.Tensor, cell: tuple[str, ...], arguments: tuple) -> None:
    B, H = sequence.shape[1:]
    grid = (B, math.ceil(H / THREADS))
    cuda.launch(kernel, gpu_defines(sequence.dtype) + cell, grid, THREADS, arguments, sequence.device)


def launch_on_host(kernel: Kernel, sequence: torch.Tensor, cell: tuple[str, ...], arguments: tuple) -> None:
    B, H = sequence.shape[1:]
    threads = torch.get_num_threads() if sequence.numel() > SMALL else 1
    stream = sequence.numel() * sequence.element_size() > STREAM_BYTES
    host.launch(kernel, host_defines(sequence.dtype, stream) + cell, host_grid(B, H, threads), threads, arguments)


@cache
def gpu_defines(dtype: torch.dtype) -> tuple[str, ...]:
    scalar, real = TYPES[dtype]
    prefetch = 32 if real == "float" else 16  # as many as fit the registers without a spill
    return f"SCALAR={scalar}", f"REAL={real}", "LANES=1", f"THREADS={THREADS}", f"PREFETCH={prefetch}"


@cache
def host_defines(dtype: torch.dtype, stream: bool) -> tuple[str, ...]:
    scalar, real = TYPES[dtype]
    return f"SCALAR={scalar}", f"REAL={real}", f"LANES={LANES}", f"TILE={TILE}", f"STREAM={stream:d}"


@cache
def host_grid(B: int, H: int, threads: int) -> tuple[int, int]:
    """Blocks over the batch and over hidden units: tiles of neighbouring rows, an equal number for each thread.

    A wide tile reads and writes long runs of memory at each step, which spares the translation of addresses.
    """
    lanes = math.ceil(H / LANES) * LANES
    unit_blocks = max(math.ceil(lanes / TILE), min(math.ceil(H / LANES), threads // B))
    row_blocks = math.ceil(B / max(1, TILE // math.ceil(lanes / unit_blocks)))
    return min(B, math.ceil(row_blocks / threads) * threads), unit_blocks
