"""Compares the times of functions: medians of many interleaved runs, so that noise affects all functions equally."""

import os
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch


def conditions() -> str:
    """torch's version and threads; if waiting threads sleep, torch's own recurrent layers are slower."""
    waits = "sleep" if os.environ.get("OMP_WAIT_POLICY", "").lower() == "passive" else "spin"
    return f"torch {torch.__version__}, {torch.get_num_threads()} threads that {waits} while they wait"


def medians(
    functions: dict[Any, Callable[[], object]], repeats: int, burst: int, device: str = "cpu"
) -> dict[Any, float]:
    """Median seconds of each function over interleaved repeats of `burst` calls, after a warm-up."""
    seconds = on_gpu if device == "cuda" else on_cpu
    times: dict[Any, list[float]] = {name: [] for name in functions}
    for repeat in range(repeats + 1):
        for name, function in functions.items():
            taken = seconds(function, burst)
            if repeat:
                times[name].append(taken / burst)
    return {name: statistics.median(values) for name, values in times.items()}


def on_cpu(function: Callable[[], object], burst: int) -> float:
    started = time.perf_counter()
    for _ in range(burst):
        function()
    return time.perf_counter() - started


def on_gpu(function: Callable[[], object], burst: int) -> float:
    """Measured by CUDA events."""
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    start.record()
    for _ in range(burst):
        function()
    end.record()
    end.synchronize()
    return start.elapsed_time(end) / 1e3
