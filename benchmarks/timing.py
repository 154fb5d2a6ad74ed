"""Times functions against each other: in turn, many times, medians, so that a noisy machine disturbs all alike."""

import statistics
import time
from collections.abc import Callable
from typing import Any


def medians(functions: dict[Any, Callable[[], object]], repeats: int, burst: int) -> dict[Any, float]:
    """Median seconds of each function over interleaved repeats of `burst` calls, after one that is not counted."""
    times: dict[Any, list[float]] = {name: [] for name in functions}
    for repeat in range(repeats + 1):
        for name, function in functions.items():
            started = time.perf_counter()
            for _ in range(burst):
                function()
            if repeat:
                times[name].append((time.perf_counter() - started) / burst)
    return {name: statistics.median(values) for name, values in times.items()}
