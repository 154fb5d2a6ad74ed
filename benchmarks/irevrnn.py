"""Compares the backward variants of IRevRNN on a CPU, and autograd of the loop: `python -m benchmarks.irevrnn`.

The time of forward and backward at (784, 32, 128) with three sub-steps, float32, medians of interleaved runs; and the
largest relative error of the gradients in float64, for recurrent weights that are usual, small, negative, or 0.
"""

import argparse
import os
from collections.abc import Callable
from functools import partial

os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # waiting threads must not spin on a shared machine

import torch
from torch import Tensor

import indrnn_cupy
from indrnn_cupy import functional as F
from indrnn_cupy import reference

from .inverting import irevrnn_by_inversion
from .peers import with_backward
from .timing import conditions, medians

T, B, H, SUB_STEPS = 784, 32, 128, 3
FORMS: dict[str, Callable[..., Tensor]] = {
    "recompute": lambda *inputs: F.irevrnn(*inputs)[0],
    "store": lambda *inputs: F.irevrnn(*inputs, memory="store")[0],
    "autograd of the loop": lambda *inputs: reference.irevrnn(*inputs)[0],
    "invert, a loop": irevrnn_by_inversion,
}
WEIGHTS = {"0.5 to 1": (0.5, 1), "1e-8 to 1e-6": (1e-8, 1e-6), "-1 to -0.5": (-1, -0.5), "-1 to 1, with 0": (-1, 1)}


def inputs(low: float, high: float, T: int, B: int, H: int, dtype: torch.dtype) -> list[Tensor]:
    """x, u from low to high, and a, b and c0 such that the states do not grow."""
    a, b = torch.randn(2, SUB_STEPS, H, dtype=dtype).abs() / 2
    tensors = (
        torch.randn(T, B, H, dtype=dtype),
        torch.linspace(low, high, H, dtype=dtype),
        a,
        -b,
        torch.ones(B, H, dtype=dtype),
    )
    return [tensor.requires_grad_() for tensor in tensors]


def gradients(form: Callable[..., Tensor], leaves: list[Tensor], cotangent: Tensor) -> tuple[Tensor, ...]:
    *weights, c0 = leaves
    return torch.autograd.grad(form(*weights, None, c0), leaves, cotangent)


def worst_error(form: Callable[..., Tensor], leaves: list[Tensor]) -> float:
    """The largest error of the gradients against autograd, relative to the largest element; NaN counts as infinite."""
    cotangent = torch.randn_like(leaves[0])
    pairs = zip(
        gradients(form, leaves, cotangent), gradients(FORMS["autograd of the loop"], leaves, cotangent), strict=True
    )
    return max(((a - e).abs().max() / e.abs().max()).nan_to_num(torch.inf).item() for a, e in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=7)
    repeats = parser.parse_args().repeats
    indrnn_cupy.reuse_freed_memory()
    torch.manual_seed(0)
    print(f"{conditions()}\n\n{'ms, forward and backward':<28}")
    leaves, cotangent = inputs(0.0, 1.0, T, B, H, torch.float32), torch.randn(T, B, H)
    functions: dict[str, Callable[[], object]]
    functions = {name: partial(gradients, form, leaves, cotangent) for name, form in FORMS.items()}
    functions["IndRNN"] = with_backward(lambda x, u: F.indrnn(x, u)[0], (leaves[0], leaves[1]), cotangent)[1]
    for name, seconds in (found := medians(functions, repeats, 1)).items():
        print(f"{name:<28}{1e3 * seconds:8.1f}{seconds / found['store']:8.2f} times store")
    print(f"\n{'error in float64, u from':<28}" + "".join(f"{name:>18}" for name in WEIGHTS))
    for name in ("recompute", "store", "invert, a loop"):
        errors = [worst_error(FORMS[name], inputs(*ends, 100, 8, 17, torch.float64)) for ends in WEIGHTS.values()]
        print(f"{name:<28}" + "".join(f"{error:18.1e}" for error in errors))


if __name__ == "__main__":
    main()
