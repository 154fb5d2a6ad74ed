"""Measures the memory saved for backward: `python -m benchmarks.memory`.

IRevRNN at (784, 32, 128) with three sub-steps in each variant, and networks of increasing depth, plain and reversible.
The bytes of all tensors that autograd saves are counted, each storage once. Writes memory.csv and memory.png.
"""

import argparse
import csv
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from indrnn_cupy import PlainNetwork, ReversibleNetwork, reference
from indrnn_cupy import functional as F

from .inverting import irevrnn_by_inversion
from .output import subplots

T, B, H, SUB_STEPS = 784, 32, 128, 3
DEPTHS = (4, 8, 16, 32)


def held(function: Callable[[], object]) -> list[Tensor]:
    """The tensors that autograd saves in a forward pass, each storage once."""
    storages: dict[int, Tensor] = {}

    def pack(tensor: Tensor) -> Tensor:
        storages[tensor.untyped_storage().data_ptr()] = tensor
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        function()
    return list(storages.values())


def kept_bytes(function: Callable[[], object]) -> int:
    """The bytes that autograd saves in a forward pass."""
    return sum(tensor.untyped_storage().nbytes() for tensor in held(function))


def of_irevrnn() -> dict[str, int]:
    """The bytes of each variant, for one recurrence."""
    x, u = torch.randn(T, B, H, requires_grad=True), torch.rand(H, requires_grad=True)
    a, b = (torch.randn(SUB_STEPS, H) / 8 for _ in range(2))
    inputs = (x, u, a.requires_grad_(), b.requires_grad_())
    return {
        "recompute": kept_bytes(lambda: F.irevrnn(*inputs)),
        "store": kept_bytes(lambda: F.irevrnn(*inputs, memory="store")),
        "invert": kept_bytes(lambda: irevrnn_by_inversion(*inputs, None, torch.zeros(B, H))),
        "autograd of the loop": kept_bytes(lambda: reference.irevrnn(*inputs)),
    }


def of_networks() -> dict[str, list[int]]:
    """The bytes of each kind of network, for each number of layers, on a sequence (T, B, H)."""
    x = torch.randn(T, B, H)
    found: dict[str, list[int]] = {"plain": [], "reversible": []}
    for layers in DEPTHS:
        plain, reversible = PlainNetwork(H, H, layers, dropout=0.1), ReversibleNetwork(H, H // 2, layers // 2, 0.1)
        found["plain"].append(kept_bytes(partial(plain, x)))
        found["reversible"].append(kept_bytes(partial(reversible, x)))  # one more recurrence, the last
    return found


def draw(forms: dict[str, int], networks: dict[str, list[int]], path: Path) -> None:
    figure, (left, right) = subplots(1, 2, figsize=(9, 3.4))
    bars = left.barh(list(forms)[::-1], [bytes_ / 2**20 for bytes_ in forms.values()][::-1], color="tab:blue")
    left.bar_label(bars, fmt="%.0f", padding=3)
    left.margins(x=0.15)
    left.set(xlabel="MiB saved for backward, including the output", title=f"IRevRNN, {SUB_STEPS} sub-steps")
    figure.suptitle(f"(T, B, H) = ({T}, {B}, {H}), float32", fontsize=10)
    for name, sizes in networks.items():
        right.plot(DEPTHS, [bytes_ / 2**20 for bytes_ in sizes], "o-", label=name)
    right.set(xlabel="layers", ylabel="MiB saved for backward", title="networks of IndRNN", ylim=(0, None))
    right.set_xticks(DEPTHS)
    right.legend()
    figure.savefig(path, dpi=120)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, default=Path("runs/benchmark_memory"), help="folder for the results")
    folder = parser.parse_args().output
    forms, networks = of_irevrnn(), of_networks()
    sequence = 4 * T * B * H
    rows = [("irevrnn", name, 1, size) for name, size in forms.items()]
    rows += [
        ("network", n, depth, size) for n, sizes in networks.items() for depth, size in zip(DEPTHS, sizes, strict=True)
    ]
    for kind, name, layers, size in rows:
        print(f"{kind:9}{name:22}{layers:3} layers {size / 2**20:8.1f} MiB {size / sequence:7.2f} (T, B, H) tensors")
    folder.mkdir(parents=True, exist_ok=True)
    with open(folder / "memory.csv", "w", newline="") as file:
        writer = csv.writer(file)
        writer.writerows([("kind", "form", "layers", "bytes"), *rows])
    draw(forms, networks, folder / "memory.png")
    print(f"{folder}/memory.csv and memory.png")


if __name__ == "__main__":
    main()
