"""Profiles time and memory of a training step of a plain IndRNN network: `python -m benchmarks.network`.

The shape of sequential MNIST: 784 steps, batch 32, 6 layers of 128 units. Each part is timed individually, forward and
backward on the input of a layer, interleaved with the whole step; figures are medians. A block is recurrence, norm and
dropout, fused, or "in turn": with a hook, so that they run one after the other. Saved for backward: the tensors with
(T, B, H) or more elements that autograd saves, each once. With --peers, also stacks of torch.nn.LSTM and GRU of the
same size, and torch.compile.
"""

import argparse
import copy
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
    """What a module saves for backward in tensors of at least `size` elements, in units of such tensors."""
    return sum(tensor.numel() for tensor in held(lambda: module(x)) if tensor.numel() >= size) / size


def autocast(precision: torch.dtype) -> torch.autocast:
    return torch.autocast("cpu", precision, enabled=precision != torch.float32)


def in_turn(module: nn.Module) -> nn.Module:
    """A copy whose blocks run their parts one after the other."""
    module = copy.deepcopy(module)
    for part in module.modules():
        if isinstance(part, indrnn_cupy.SequenceDropout):
            part.register_forward_hook(lambda *_: None)
    return module


class Stack(nn.Module):
    """Layers of torch, of the same size as the network."""

    def __init__(self, kind: type[nn.LSTM] | type[nn.GRU]) -> None:
        super().__init__()
        self.layers = kind(1, H, LAYERS)

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x)[0]


def runnable(name: str, function: Callable[[], object]) -> dict[str, Callable[[], object]]:
    """The function by name, unless torch cannot run it on this machine: LSTM in bfloat16 needs AVX-512."""
    try:
        function()
    except RuntimeError as error:
        print(f"  {name:28} not run: {str(error).splitlines()[0][:80]}")
        return {}
    return {name: function}


def measure(precision: torch.dtype, repeats: int, peers: bool) -> None:
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
    functions = {"step": step(network, pixels), "step in turn": step(in_turn(network), pixels)}
    if peers:
        functions["step in turn, torch.compile"] = step(torch.compile(in_turn(network)), pixels)  # type: ignore[arg-type]
        for kind in (nn.LSTM, nn.GRU):
            functions |= runnable(f"step of nn.{kind.__name__}", step(Stack(kind), pixels))
    parts = {"layer": layer, "projection": layer.projection, "block": block, "block in turn": in_turn(block)}
    parts |= {"recurrence": block.recurrence, "norm": block.norm, "dropout": block.dropout}
    functions |= {name: step(part, x) for name, part in parts.items()}
    copied = torch.empty_like(gradient)
    seconds = medians(functions | {"copy_": lambda: copied.copy_(gradient)}, repeats, burst=2)
    print(f"{precision}")
    for name, each in seconds.items():
        print(f"  {name:28} {1e3 * each:7.1f} ms {each / seconds['copy_']:7.1f} copies")
    with autocast(precision):
        tensors = kept(network, pixels, T * B * H)
    print(f"  saved for backward: {tensors / LAYERS:.2f} (T, B, H) tensors per layer")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--peers", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(min(2, torch.get_num_threads()))
    indrnn_cupy.reuse_freed_memory()
    torch.manual_seed(0)
    for precision in (torch.float32, torch.bfloat16):
        measure(precision, arguments.repeats, arguments.peers)


if __name__ == "__main__":
    main()
