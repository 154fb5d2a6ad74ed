"""Rounding error and memory of every recurrence: `python -m benchmarks.accuracy`.

The float32 kernel against the reference in float64, on the same inputs, (T, B, H) = (1000, 4, 64): the largest error
of the output, and of the gradients of all inputs, relative to the largest element of each. Memory: what is saved for
backward, the output included, in multiples of a (T, B, H) tensor.
"""

from functools import partial

import torch
from torch import Tensor

from indrnn_cupy.check.recurrences import FIRST, Recurrence

from .memory import kept_bytes

T, B, H = 1000, 4, 64


def output_and_gradients(function: object, inputs: list[Tensor]) -> list[Tensor]:
    leaves = [tensor.detach().requires_grad_() for tensor in inputs]
    y = function(*leaves)[0]  # type: ignore[operator]
    cotangent = torch.randn(y.shape, generator=torch.Generator().manual_seed(0)).to(y.dtype)
    return [y, *torch.autograd.grad(y, leaves, cotangent, materialize_grads=True)]


def relative_error(actual: Tensor, expected: Tensor) -> float:
    return ((actual.double() - expected).abs().max() / expected.abs().max().clamp(min=1e-30)).item()


def measure(recurrence: Recurrence) -> tuple[float, float, float]:
    """The error of the output, the largest error of a gradient, and the tensors saved."""
    torch.manual_seed(0)
    inputs = list(recurrence.make_inputs(T, B, H, torch.float32))
    actual = output_and_gradients(recurrence.function, inputs)
    expected = output_and_gradients(recurrence.reference, [tensor.double() for tensor in inputs])
    of_output, *of_gradients = map(relative_error, actual, expected)
    saved = kept_bytes(partial(recurrence.function, *(tensor.detach().requires_grad_() for tensor in inputs)))
    return of_output, max(of_gradients), saved / (4 * T * B * H)


def main() -> None:
    print(f"{'':28}{'output':>10}{'gradients':>11}{'saved':>8}")
    for recurrence in FIRST:
        output, gradients, saved = measure(recurrence)
        print(f"{recurrence!s:28}{output:10.0e}{gradients:11.0e}{saved:8.1f}")


if __name__ == "__main__":
    main()
