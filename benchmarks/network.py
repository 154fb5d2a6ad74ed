"""Where a training step's time goes in a plain IndRNN network, and what it keeps: `python -m benchmarks.network`.

Sequential MNIST's shape: 784 steps, 32 rows, 6 layers of 128 units. Each kind of module is timed by itself, forward and
backward on a layer's input, in turn with the whole step; a figure is a median. Kept for backward: tensors of at least
(T, B, H) numbers that autograd holds, each once.
"""

import argparse
import os
from collections.abc import Callable

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # waiting threads must not spin on a shared machine

import torch
from torch import Tensor, nn

import indrnn_cupy
from indrnn_cupy.layers.block import ProjectedBlock

from .memory import held
from .timing import medians

T, B, H, LAYERS = 784, 32, 128, 6


def kept(module: nn.Module, x: Tensor, size: int) -> float:
    """What a module keeps for backward in tensors of `size` numbers or more, in such tensors."""
    return sum(tensor.numel() for tensor in held(lambda: module(x)) if tensor.numel() >= size) / size


def autocast(precision: torch.dtype) -> torch.autocast:
    return torch.autocast("cpu", precision, enabled=precision != torch.float32)


def measure(precision: torch.dtype, repeats: int) -> None:
    network = indrnn_cupy.PlainNetwork(1, H, LAYERS, dropout=0.1, bound=5 ** (1 / T))
    layer = network.layers[1]
    assert isinstance(layer, ProjectedBlock)
    pixels, gradient = torch.rand(T, B, 1), torch.randn(T, B, H, dtype=precision)
    x = torch.randn(T, B, H, dtype=precision, requires_grad=True)

    def step(module: nn.Module, inputs: Tensor) -> Callable[[], object]:
        wanted = [tensor for tensor in (inputs, *module.parameters()) if tensor.requires_grad]

        def forward_and_backward() -> None:
            with autocast(precision):
                y = module(inputs)
            y = y[0] if isinstance(y, tuple) else y
            torch.autograd.grad(y, wanted, gradient.to(y.dtype))

        return forward_and_backward

    block = layer.block
    assert block.norm is not None
    names = ("projection", "recurrence", "norm", "dropout")
    parts = dict(zip(names, (layer.projection, block.recurrence, block.norm, block.dropout), strict=True))
    functions = {"whole": step(network, pixels), "layer": step(layer, x)}
    seconds = medians(functions | {name: step(part, x) for name, part in parts.items()}, repeats, burst=2)
    total = sum(seconds[name] for name in parts)
    print(f"{precision}: step {1e3 * seconds['whole']:.1f} ms, one layer {1e3 * seconds['layer']:.1f} ms")
    for name in parts:
        print(f"  {name:10} {1e3 * seconds[name]:5.1f} ms, {100 * seconds[name] / total:4.1f} % of the four")
    with autocast(precision):
        tensors = kept(network, pixels, T * B * H)
    print(f"  kept for backward: {tensors / LAYERS:.2f} (T, B, H) tensors a layer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    repeats = parser.parse_args().repeats
    torch.set_num_threads(min(2, torch.get_num_threads()))
    indrnn_cupy.reuse_freed_memory()
    torch.manual_seed(0)
    for precision in (torch.float32, torch.bfloat16):
        measure(precision, repeats)


if __name__ == "__main__":
    main()
