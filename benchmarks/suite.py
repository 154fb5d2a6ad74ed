"""What `python -m benchmarks` measures: every recurrence and its alternatives, at many shapes."""

import importlib.util
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import NamedTuple
from unittest.mock import patch

import torch
from torch import Tensor

from indrnn_cupy.check.recurrences import FIRST, Recurrence
from indrnn_cupy.runtime import host

from .memory import kept_bytes
from .peers import Pair, jax_associative_scan, jax_scan, layer, with_backward
from .timing import medians

OURS = "kernel"
LONGEST_LOOP = 1000  # steps, for alternatives that launch something at each step


class Shape(NamedTuple):
    T: int
    B: int
    H: int


FULL = [
    *(Shape(T, 32, 128) for T in (32, 128, 784, 4096)),
    *(Shape(784, 32, H) for H in (32, 512)),
    *(Shape(784, B, 128) for B in (1, 128)),
]
QUICK = [Shape(784, 32, 128), Shape(100, 1, 128)]
TINY = Shape(2, 1, 8)


def inputs_of(recurrence: Recurrence, shape: Shape, device: str) -> tuple[Tensor, ...]:
    """Its sequences and weights, without initial states."""
    inputs = recurrence.make_inputs(*shape, torch.float32)[: -recurrence.states]
    return tuple(t.to(device) for t in inputs)


def gradient_of(recurrence: Recurrence, inputs: tuple[Tensor, ...]) -> Tensor:
    """A gradient of its output, which may have several elements for each unit."""
    with torch.no_grad():
        return torch.randn_like(recurrence.function(*inputs)[0])


def passes_of(recurrence: Recurrence, inputs: tuple[Tensor, ...], gradient: Tensor) -> Pair:
    return with_backward(lambda *tensors: recurrence.function(*tensors)[0], inputs, gradient)


def peers(
    recurrence: Recurrence, shape: Shape, inputs: tuple[Tensor, ...], gradient: Tensor
) -> Iterator[tuple[str, Pair | None]]:
    """The alternatives by name; None for those that are not installed."""
    T, _, H = shape
    on_cpu = gradient.device.type == "cpu"
    if T <= LONGEST_LOOP:
        yield "loop over unbind", with_backward(lambda *t: recurrence.reference(*t)[0], inputs, gradient)
    if recurrence.name == "indrnn":
        yield "jax.lax.scan", jax_scan(inputs[0], inputs[1], gradient) if on_cpu else None
    if recurrence.name == "mingru":
        yield "jax associative_scan", jax_associative_scan(inputs[0], gradient) if on_cpu else None
        yield "minGRU-pytorch, scan", log_scan(inputs[0], gradient)
    if recurrence.name == "egru" and T <= LONGEST_LOOP:
        x = torch.randn(*shape[:2], 1, device=gradient.device)
        yield "nn.GRU, with a projection of one number", layer(torch.nn.GRU(1, H).to(gradient.device), x, gradient)


def log_scan(x: Tensor, gradient: Tensor) -> Pair | None:
    if not importlib.util.find_spec("minGRU_pytorch"):
        return None
    from .gated import log_scan

    return with_backward(log_scan, (x,), gradient)


def elements_moved(inputs: tuple[Tensor, ...], y: Tensor) -> tuple[int, int]:
    """Elements of the sequences, once in forward, twice more in backward; IndRNN needs fewer, EGRU also its gates."""
    sequences = sum(t.numel() for t in inputs if t.dim() == 3)
    return sequences + y.numel(), 3 * sequences + 3 * y.numel()


def measure(shape: Shape, device: str, repeats: int, burst: int) -> list[dict[str, object]]:
    """One row for each recurrence, alternative and pass."""
    rows: list[dict[str, object]] = []
    for recurrence in FIRST:
        inputs = inputs_of(recurrence, shape, device)
        gradient = gradient_of(recurrence, inputs)
        source, target = torch.randn_like(gradient), torch.empty_like(gradient)
        named, missing = {OURS: passes_of(recurrence, inputs, gradient)}, []
        for name, pair in peers(recurrence, shape, inputs, gradient):
            named |= {name: pair} if pair else {}
            missing += [] if pair else [name]
        functions: dict[tuple[str, str], Callable[[], object]] = {("copy_", ""): partial(target.copy_, source)}
        for name, (forward, both) in named.items():
            functions |= {(name, "forward"): forward, (name, "both"): both}
        seconds = medians(functions, repeats, burst, device)
        per_number = seconds.pop(("copy_", "")) / (2 * gradient.numel())
        moved = dict(zip(("forward", "both"), elements_moved(inputs, gradient), strict=True))
        kept = kept_bytes(partial(recurrence.function, *(t.detach().requires_grad_() for t in inputs)))
        for (name, passes), s in seconds.items():
            rows.append(
                {
                    "recurrence": recurrence.name,
                    **shape._asdict(),
                    "function": name,
                    "passes": passes,
                    "ms": 1e3 * s,
                    "copies": s / (per_number * moved[passes]),
                    "GB/s": 4e-9 * moved[passes] / s,
                    "kept MiB": kept / 2**20 if (name, passes) == (OURS, "both") else None,
                }
            )
        absent = {"recurrence": recurrence.name, **shape._asdict(), "passes": "not installed"}
        rows += [absent | {"function": name} for name in missing]
    return rows


def overheads(device: str) -> Iterator[dict[str, object]]:
    """The seconds of each recurrence's first call, which compiles it, and the microseconds of calls on tiny inputs."""
    for recurrence in FIRST:
        inputs = inputs_of(recurrence, TINY, device)
        gradient = gradient_of(recurrence, inputs)
        forward, both = passes_of(recurrence, inputs, gradient)
        with tempfile.TemporaryDirectory() as empty, patch.dict("os.environ", INDRNN_CUPY_CACHE_DIR=empty):
            host.load.cache_clear()
            started = time.perf_counter()
            both()
            first = time.perf_counter() - started
        found = medians({"forward": forward, "both": both}, 15, 50, device)
        row: dict[str, object] = {"recurrence": recurrence.name, "first call, s": first if device == "cpu" else None}
        yield row | {f"{passes}, us": 1e6 * s for passes, s in found.items()}
