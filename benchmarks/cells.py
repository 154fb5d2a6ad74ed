"""Compares SRU, QRNN, IndyLSTM and others with alternatives: `python -m benchmarks.cells`.

Forward and backward together, float32, batch 32 and 128 units (batch 4 for 10,000 steps), medians of interleaved runs:
the function, its reference in PyTorch (a loop over `unbind`), and those of spikingjelly, snntorch, sru and jax.lax.scan
if they are installed (`pip install -c constraints.txt -e ".[oracles,benchmark]"`). "copies": the time divided by that
of copying the same number of bytes.
"""

import argparse
import importlib
import os
from collections.abc import Callable
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # waiting threads must not spin on a shared machine

import torch
from torch import Tensor

import indrnn_cupy
from indrnn_cupy.check.recurrences import FIRST, Recurrence
from indrnn_cupy.ops.cells import cell_of

from .peers import with_backward
from .suite import Shape, gradient_of, inputs_of, passes_of
from .timing import conditions, medians

NAMES = ("sru", "qrnn", "indylstm", "indygru", "unicornn", "rglru", "hgrn", "lru", "lif")
Function = Callable[[], object]


def moved(key: str, x: Tensor) -> int:
    """Bytes that forward and backward have to move: inputs, outputs and states, and the gradients of the first two."""
    cell = cell_of(key)
    states = cell.more_states + (not cell.has_output)  # including the output
    forward = len(cell.inputs) + cell.parts + cell.more_states
    return (forward + cell.parts + len(cell.kept) + states + len(cell.inputs)) * x.nbytes // len(cell.inputs)


def copies(size: int) -> Function:
    """Copies that read and write `size` bytes in total, between buffers that do not fit a cache."""
    count = max(1, size // (2 << 25))
    parts = [torch.zeros(size // count // 8) for _ in range(2 * count)]

    def run() -> None:
        for a, b in zip(parts[::2], parts[1::2], strict=True):
            b.copy_(a)

    return run


def installed(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError:
        return None


def peers(name: str, x: Tensor) -> dict[str, Function]:
    """Implementations of a recurrence in other packages, with the input of its kernel or the same amount of work."""
    width = x.shape[-1]
    found: dict[str, Function] = {}
    if name == "sru" and (sru := installed("sru")):
        cell = sru.SRU(width // 4, width // 4, 1)  # including its matrix product, a small part of the time
        of_layer = x[..., : width // 4].contiguous()
        found["sru.SRU"] = with_backward(lambda x: cell(x)[0], (of_layer,), torch.ones_like(of_layer))[1]
    if name == "lif" and (neuron := installed("spikingjelly.activation_based.neuron")):
        node = neuron.LIFNode(2.0, step_mode="m")

        def spikingjelly(x: Tensor) -> Tensor:
            node.reset()
            return node(x)

        found["spikingjelly"] = with_backward(spikingjelly, (x,), torch.ones_like(x))[1]
    if name == "lif" and (snntorch := installed("snntorch")):
        leaky = snntorch.Leaky(0.5)

        def steps(x: Tensor) -> Tensor:
            membrane, spikes = torch.zeros_like(x[0]), []
            for x_t in x.unbind():
                spike, membrane = leaky(x_t, membrane)
                spikes.append(spike)
            return torch.stack(spikes)

        found["snntorch"] = with_backward(steps, (x,), torch.ones_like(x))[1]
    if name == "hgrn" and (jax := installed("jax")):
        found["jax.lax.scan"] = jax_hgrn(jax, x)
    return found


def jax_hgrn(jax: Any, x: Tensor) -> Function:
    x_ = jax.numpy.asarray(x.numpy())

    def scan(x: Any) -> Any:
        def step(h: Any, x_t: Any) -> Any:
            taken = 0.5 * jax.nn.sigmoid(-x_t[1])
            h = (1 - taken) * h + taken * x_t[0]
            return h, h

        pair = jax.numpy.stack(jax.numpy.split(x, 2, -1), 1)
        return jax.lax.scan(step, jax.numpy.zeros_like(pair[0, 0]), pair)[1]

    forward_and_backward = jax.jit(lambda x, g: jax.vjp(scan, x)[1](g))
    gradient = jax.numpy.ones_like(scan(x_))
    return lambda: jax.block_until_ready(forward_and_backward(x_, gradient))


def measure(recurrence: Recurrence, shape: Shape, repeats: int) -> None:
    inputs = inputs_of(recurrence, shape, "cpu")
    gradient = gradient_of(recurrence, inputs)
    assert recurrence.key
    copied = copies(moved(recurrence.key, inputs[0]))
    fast = medians({"kernel": passes_of(recurrence, inputs, gradient)[1], "copies": copied}, repeats, 1)
    slow = {"loop": with_backward(lambda *t: recurrence.reference(*t)[0], inputs, gradient)[1]}
    slow |= peers(recurrence.name, inputs[0])
    others = medians(slow, max(1, repeats // 5), 1)
    kernel = fast["kernel"]
    print(
        f"{recurrence.name:10} {tuple(shape)!s:16} {1e3 * kernel:8.1f} ms {kernel / fast['copies']:6.2f} copies", end=""
    )
    print("".join(f"   {name} {1e3 * s:.0f} ms = {s / kernel:.0f} times" for name, s in others.items()))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--lengths", type=int, nargs="+", default=[100, 1000, 10000])
    parser.add_argument("--cells", nargs="+", default=NAMES, choices=NAMES)
    options = parser.parse_args()
    torch.set_num_threads(min(2, torch.get_num_threads()))
    torch.manual_seed(0)
    indrnn_cupy.reuse_freed_memory()
    print(conditions())
    for T in options.lengths:
        for recurrence in FIRST:
            if recurrence.name in options.cells:
                measure(recurrence, Shape(T, 4 if T >= 10000 else 32, 128), options.repeats)


if __name__ == "__main__":
    main()
