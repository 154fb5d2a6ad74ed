"""How near a result must come to the reference, for every type, in one table."""

import torch
from torch import Tensor

# Of the largest value of a tensor. With a 16-bit type the state is float32; but backward takes the derivative of the
# activation from outputs that were rounded, an error at each step: 16 roundings are allowed.
TOLERANCE = {torch.float64: 1e-14, torch.float32: 2e-6, torch.float16: 16 * 2**-11, torch.bfloat16: 16 * 2**-8}


def assert_close(actual: list[Tensor], expected: list[Tensor], dtype: torch.dtype | None = None) -> None:
    """Every tensor within a few roundings, of `dtype` or its own, of its largest value; NaN fails."""
    for number, (a, e) in enumerate(zip(actual, expected, strict=True)):
        assert a.shape == e.shape and a.dtype == e.dtype
        scale = e.abs().max().item() if e.numel() else 0.0
        torch.testing.assert_close(
            a, e, rtol=0, atol=TOLERANCE[dtype or e.dtype] * max(scale, 1), msg=f"tensor {number}: {{}}".format
        )


def error(actual: list[Tensor], expected: list[Tensor], least: float = 0) -> float:
    """The largest difference of any tensor, of its largest value; NaN if there is one, so that no bound holds.

    `least`: taken for a smaller largest value. A tensor that would be 0 without rounding has no digits to compare.
    """
    least = max(least, torch.finfo(expected[0].dtype).tiny)
    each = [(a - e).abs().max() / e.abs().max().clamp(min=least) for a, e in zip(actual, expected, strict=True)]
    return torch.stack(each).detach().max().item()
