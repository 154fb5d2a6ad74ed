"""How long one waits at first: `python -m benchmarks.startup`.

The import beside torch's own, and of each recurrence the first call, forward and backward on a CPU, with an empty cache
and with one that holds what the call needs. Every figure is the median over new processes, which run in turn. On a busy
machine look at the processor time, that of the compilers included: the time that passes is that of others too.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # for a shared machine

from .output import write_csv

IMPORTS = ("import torch", "import torch, indrnn_cupy")
Seconds = tuple[float, float]  # of the clock, and of processors


def processors() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def first_call(name: str) -> None:
    """In a process of its own: prints the seconds of a recurrence's first call, after torch has made one of its own."""
    from indrnn_cupy.check.recurrences import FIRST, with_gradients

    from .suite import TINY, inputs_of

    (recurrence,) = (r for r in FIRST if r.name == name)
    inputs = inputs_of(recurrence, TINY, "cpu")
    with_gradients(lambda *tensors: tuple(t * 1 for t in tensors), inputs)
    started = time.perf_counter(), processors()
    with_gradients(recurrence.function, inputs)
    print(time.perf_counter() - started[0], processors() - started[1])


def process(*arguments: str, **environment: str) -> tuple[Seconds, str]:
    """What a process takes, and what it prints."""
    started, used = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    words = [sys.executable, *arguments]
    done = subprocess.run(words, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True, check=True)
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = now.ru_utime + now.ru_stime - used.ru_utime - used.ru_stime
    return (time.perf_counter() - started, cpu), done.stdout


def of_calls(name: str) -> tuple[Seconds, Seconds]:
    """The first calls of two processes, of which the second finds what the first one compiled."""
    with tempfile.TemporaryDirectory() as empty:
        said = (
            process("-m", "benchmarks.startup", "--first-call", name, INDRNN_CUPY_CACHE_DIR=empty)[1] for _ in range(2)
        )
        cold, warm = (tuple(map(float, text.split())) for text in said)
    return (cold[0], cold[1]), (warm[0], warm[1])


def middle(found: Iterable[Seconds]) -> Seconds:
    clock, cpu = (statistics.median(part) for part in zip(*found, strict=True))
    return clock, cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=3, help="processes for each figure")
    parser.add_argument("--only", help="one recurrence")
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark_startup"), help="a folder for the results")
    parser.add_argument("--first-call", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.first_call:
        return first_call(options.first_call)
    from indrnn_cupy.check.recurrences import FIRST

    imports = [[process("-c", code)[0] for code in IMPORTS] for _ in range(4 * options.repeats)]
    alone = middle(torch for torch, _ in imports)
    more = middle((both[0] - torch[0], both[1] - torch[1]) for torch, both in imports)
    print(f"import torch: {alone[0]:.2f} s, of processors {alone[1]:.2f} s")
    print(f"indrnn_cupy beside it: {more[0]:.2f} s, of processors {more[1]:.2f} s")
    print(f"\nfirst call, ms     {'empty cache':>12}{'processors':>12}{'full cache':>12}{'processors':>12}")
    names = [r.name for r in FIRST if options.only in (None, r.name)]
    calls: dict[str, list[tuple[Seconds, Seconds]]] = {name: [] for name in names}
    for _ in range(options.repeats):
        for name in names:
            calls[name].append(of_calls(name))
    rows: list[dict[str, Any]] = []
    for name, found in calls.items():
        cold, warm = (middle(part) for part in zip(*found, strict=True))
        print(f"{name:<19}" + "".join(f"{1e3 * s:12.0f}" for s in (*cold, *warm)))
        columns = ("empty cache", "empty cache, processors", "full cache", "full cache, processors")
        rows.append({"recurrence": name, **dict(zip(columns, (*cold, *warm), strict=True))})
    write_csv(rows, options.output / "startup.csv")
    print(f"\n{options.output / 'startup.csv'}, in seconds")


if __name__ == "__main__":
    main()
