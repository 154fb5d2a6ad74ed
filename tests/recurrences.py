"""The table of recurrences: every test that fits all of them runs over it. A new recurrence adds a row."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from indrnn_cupy import functional, reference
from indrnn_cupy.ops import indrnn
from indrnn_cupy.runtime import Kernel

# Of the largest value of a tensor. With a 16-bit type the state is float32; but backward takes the derivative of the
# activation from outputs that were rounded, an error at each step: 16 roundings are allowed.
TOLERANCE = {torch.float64: 1e-14, torch.float32: 2e-6, torch.float16: 16 * 2**-11, torch.bfloat16: 16 * 2**-8}


@dataclass(frozen=True)
class Recurrence:
    name: str
    options: dict[str, Any]  # of the cell, for the function
    defines: tuple[str, ...]  # of the cell, for the kernels
    kernels: tuple[Kernel, ...]
    make_inputs: Callable[..., tuple[Tensor, ...]]  # (T, B, H, dtype): sequences, weights, states

    def __str__(self) -> str:
        return "-".join([self.name, *map(str, self.options.values())])

    def function(self, *inputs: Tensor, **options: Any) -> tuple[Tensor, ...]:
        return getattr(functional, self.name)(*inputs, **self.options, **options)

    def reference(self, *inputs: Tensor, **options: Any) -> tuple[Tensor, ...]:
        return getattr(reference, self.name)(*inputs, **self.options, **options)


def _indrnn_inputs(T: int, B: int, H: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    return torch.randn(T, B, H, dtype=dtype), torch.rand(H, dtype=dtype) * 2 - 1, torch.randn(B, H, dtype=dtype)


RECURRENCES = [
    Recurrence(
        "indrnn",
        {"activation": activation},
        (f"ACTIVATION={activation.capitalize()}",),
        (indrnn.FORWARD, indrnn.BACKWARD),
        _indrnn_inputs,
    )
    for activation in reference.ACTIVATIONS
]


def with_gradients(function: Callable[..., Any], inputs: tuple[Tensor, ...], **options: Any) -> list[Tensor]:
    """The outputs and the gradient of every input, for random gradients of all outputs."""
    leaves = [t.detach().requires_grad_() for t in inputs]
    outputs = function(*leaves, **options)
    generator = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(o.shape, dtype=o.dtype, generator=generator).to(o.device) for o in outputs]
    depending = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]  # not so if T is 0
    return [
        *outputs,
        *torch.autograd.grad([o for o, _ in depending], leaves, [c for _, c in depending], materialize_grads=True),
    ]


def assert_close(actual: list[Tensor], expected: list[Tensor], dtype: torch.dtype | None = None) -> None:
    """Every tensor within a few roundings, of `dtype` or its own, of its largest value; NaN fails."""
    for number, (a, e) in enumerate(zip(actual, expected, strict=True)):
        assert a.shape == e.shape and a.dtype == e.dtype
        scale = e.abs().max().item() if e.numel() else 0.0
        torch.testing.assert_close(
            a, e, rtol=0, atol=TOLERANCE[dtype or e.dtype] * max(scale, 1), msg=f"tensor {number}: {{}}".format
        )
