"""The table of `python -m indrnn_cupy --check`: one line for each kernel and machine, and what is wrong."""

import math
import os
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any
from unittest.mock import patch

import torch
from torch.autograd.gradcheck import GradcheckError

from ..ops import cpu
from ..ops.cells import cell_of
from ..runtime import KernelError, host, missing, source
from .own import OwnRecurrence, by_hand_error, custom_gradient, declaration
from .recurrences import RECURRENCES, Recurrence, with_gradients

STEPS, FEWER_STEPS, BATCH, HIDDEN = 256, 32, 2, 32  # sizes of the runs; bytes are counted over STEPS
CHUNK_ERROR = 5e-5  # relative to the largest element: chunks of time round differently
BY_HAND_ERROR = 1e-10  # relative to the largest element, in double precision
FEWEST_LOADS = 16  # in flight, below which a GPU waits for its memory
ROW = "{:<26}{:<9}{:>10}{:>9}{:>17}{:>15}{:>12}  {}"
HEAD = ROW.format("kernel", "machine", "registers", "spilled", "loads in flight", "bytes/element", "compile s", "")


@dataclass
class Findings:
    """What was found, and in which kernels or recurrences."""

    wrong: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    rounds: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))  # differently from the CPU build
    slow: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    unchecked: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def show(self) -> None:
        for name, found in (
            ("wrong", self.wrong),
            ("rounds differently", self.rounds),
            ("slow on a GPU", self.slow),
            ("not checked", self.unchecked),
        ):
            for what, places in found.items():
                more = f" and {len(places) - 1} more" if len(places) > 1 else ""
                print(f"\n{name}: {places[0]}{more}: {what.strip()}")
        if self.wrong:
            print("\nWrong.")
        else:
            print(f"\nNothing wrong was found{', but not everything was checked' if self.unchecked else ''}.")


@torch.random.fork_rng(devices=[])
def check(architectures: Sequence[str], insist: bool, only: str = "", own: Sequence[OwnRecurrence] = ()) -> bool:
    """Prints the table, for float32 and the worst case of a recurrence's cells; returns whether nothing is wrong.

    Without CuPy and its NVRTC the GPU build cannot be checked, which counts as wrong with `insist`. `only`: the prefix
    of the names of the recurrences to check. `own`: user-defined recurrences, in place of the package's.
    """
    recurrences: Sequence[Recurrence] = own or [r for r in RECURRENCES if str(r).startswith(only)]
    for recurrence in own:
        print(f"\n{declaration(recurrence)}")
    if not recurrences:
        print(f"\nno recurrence has a name that begins with {only!r}; expected {', '.join(map(str, RECURRENCES))}")
        return False
    torch.manual_seed(0)
    print(f"\n{HEAD}")
    findings = Findings()
    compiled, reason = _check_on_cpu(recurrences, findings), missing("cuda")
    if reason:
        remedy = "needs CuPy with NVRTC: pip install -e '.[check]' in a checkout"
        findings.unchecked[remedy].append("the GPU build")
    elif compiled:
        _check_for_gpu(recurrences, architectures, findings)
    findings.show()
    return not findings.wrong and not (insist and reason)


def _check_on_cpu(recurrences: Sequence[Recurrence], findings: Findings) -> bool:
    """Compiles for the CPU and checks every gradient by finite differences; returns whether all kernels compile."""
    seconds: dict[str, list[float]] = defaultdict(list)
    compiled = True
    with tempfile.TemporaryDirectory() as empty, patch.dict("os.environ", INDRNN_CUPY_CACHE_DIR=empty):
        host.load.cache_clear()
        for recurrence in recurrences:
            try:
                for kernel in recurrence.kernels:
                    started = time.perf_counter()
                    layout = cpu.layout(kernel, torch.float32, False, False, kernel.defines)
                    host.load(kernel, layout, source.generation)
                    seconds[kernel.name].append(time.perf_counter() - started)
                for options in _options(4, 2):
                    inputs = [t.requires_grad_() for t in recurrence.make_inputs(4, 2, 3, torch.float64)]
                    call = partial(recurrence.function, **options, **dict(recurrence.exact))
                    if custom := recurrence.key and custom_gradient(cell_of(recurrence.key)):
                        findings.unchecked[f"the gradient by finite differences, as {custom} defines its own"].append(
                            str(recurrence)
                        )
                        break
                    if any(output.isnan().any() for output in call(*inputs)):
                        findings.unchecked["the gradient, as inputs from N(0, 1) give NaN"].append(str(recurrence))
                        break
                    try:
                        torch.autograd.gradcheck(call, inputs)
                    except GradcheckError as error:
                        what = f"the gradient is not the derivative of the value: {str(error).splitlines()[0]}"
                        findings.wrong[what].append(str(recurrence))
                        break
                if recurrence.key and recurrence.by_hand and not by_hand_error(cell_of(recurrence.key)) < BY_HAND_ERROR:
                    findings.wrong["the gradient by hand differs from the derived one"].append(str(recurrence))
            except KernelError as error:
                findings.wrong[str(error)].append(str(recurrence))
                compiled = False
        host.load.cache_clear()
    for name, each in seconds.items():
        print(ROW.format(name, "CPU", "", "", "", "", f"{statistics.mean(each):.1f}", ""))
    return compiled


def _check_for_gpu(recurrences: Sequence[Recurrence], architectures: Sequence[str], findings: Findings) -> None:
    """Runs the PTX of every kernel, and compiles each for every architecture."""
    from .emulated_gpu.nvrtc import architectures as known
    from .programs import Compiled, compile_program, programs

    if unknown := [name for name in architectures if name not in known()]:
        findings.wrong[f"not supported by this NVRTC, which supports {', '.join(known())}"].append(", ".join(unknown))
        return
    bytes_each: dict[str, float] = defaultdict(float)
    for recurrence in recurrences:
        try:
            _run(recurrence, bytes_each, findings)
        except Exception as error:  # of the compiler, or a fault that the interpreter found
            findings.wrong[f"{type(error).__name__}: {error}"].append(f"{recurrence} on a GPU")
    every = dict.fromkeys(p for r in recurrences for p in programs(r, torch.float32, resets=False))
    found: dict[tuple[str, str], list[Compiled]] = defaultdict(list)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        running = {(a, p): pool.submit(compile_program, p, a) for a in architectures for p in every}
    for (architecture, program), job in running.items():
        try:
            for name, compiled in job.result().items():
                found[name, architecture].append(compiled)
        except Exception as error:
            findings.wrong[str(error)].append(f"{program.kernel.file} for {architecture}")
    for (name, architecture), variants in sorted(found.items()):
        registers = max(v.resources.registers for v in variants)
        spilled = max(v.resources.spilled_bytes for v in variants)
        loads = min((v.loads_in_flight for v in variants if v.loads_in_flight is not None), default=None)
        waits = loads is not None and loads < FEWEST_LOADS
        wrong = [word for word, so in (("spills registers", spilled), ("waits for loads", waits)) if so]
        for fault in wrong:
            findings.slow[fault].append(f"{name} for {architecture}")
        each, shown = f"{bytes_each[name]:.2f}", "?" if loads is None else loads
        seconds = f"{statistics.mean(v.seconds for v in variants):.1f}"
        print(ROW.format(name, architecture, registers, spilled, shown, each, seconds, ", ".join(wrong)))


def _options(T: int, B: int) -> Iterator[dict[str, Any]]:
    """A plain run, and one with all options of a sequence."""
    yield {}
    lengths, resets = torch.arange(T, T - 2 * B, -2), torch.zeros(T, B, dtype=torch.bool)
    resets[1 :: max(2, T // 5)] = True
    yield {"lengths": lengths, "resets": resets, "reverse": True}


def _run(recurrence: Recurrence, bytes_each: dict[str, float], findings: Findings) -> None:
    """Launches every kernel on the CPU and on the emulated GPU, and counts the bytes that it moves."""
    from .interpreter import interpreted

    first = STEPS if recurrence.kernels[0].name not in bytes_each else FEWER_STEPS
    for T, options in zip((first, FEWER_STEPS), _options(FEWER_STEPS, BATCH), strict=True):
        inputs = recurrence.make_inputs(T, BATCH, HIDDEN, torch.float32)
        options |= recurrence.all_kernels
        expected = with_gradients(recurrence.function, inputs, **options)
        for chunk in (0, T // 4) if recurrence.chunks else (0,):
            with interpreted(chunk) as launches:
                actual = with_gradients(recurrence.function, inputs, **options)
            moved: dict[str, float] = defaultdict(float)
            for launch in launches:  # the plain kernels are counted without chunks, and all in the plain run
                moved[launch.name] += launch.stats["global_load_bytes"] + launch.stats["global_store_bytes"]
            for name, count in moved.items():
                bytes_each.setdefault(name, count / (T * BATCH * HIDDEN))
            worst = max(_distance(a, e) for a, e in zip(actual, expected, strict=True))
            if not worst <= CHUNK_ERROR:
                what = "in chunks" if chunk else "of the GPU build"
                findings.wrong[f"the results {what} differ from those of the CPU build"].append(str(recurrence))
            elif worst and not chunk:
                findings.rounds[
                    f"the GPU build by {worst:.0e} of the largest element; exp, log, tanh and the like of the package "
                    "are bit-identical, those of C are not"
                ].append(str(recurrence))


def _distance(a: torch.Tensor, e: torch.Tensor) -> float:
    """The largest difference, relative to the largest element; infinity if only one is NaN."""
    if torch.equal(a, e) or (torch.equal(a.isnan(), e.isnan()) and torch.equal(a.nan_to_num(0), e.nan_to_num(0))):
        return 0.0
    distance = ((a - e).abs().max() / e.abs().max()).item()
    return distance if distance == distance else math.inf
