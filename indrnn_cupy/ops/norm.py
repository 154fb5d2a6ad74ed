"""The passes of a norm over a sequence outside the passes of a recurrence; see kernels/norm.cu."""

import torch
from torch import Tensor

from .launch import launch
from .recurrence import empty_like, register, unit_stride
from .sequence import Steps, sequence_kernel

NORMALIZE = sequence_kernel(
    "norm.cu",
    "normalize",
    "const scalar* y, const real* mean, const real* rate, const real* bias, const real* mask, scalar* z",
    ("y", "z"),
)
SUMS = sequence_kernel(
    "norm.cu", "normalize_sums", "const scalar* grad_z, const scalar* y, const real* mean, real* sums", ("grad_z", "y")
)
UNIT_STATISTICS = sequence_kernel(
    "norm_units.cu", "unit_statistics", "const scalar* parts, double* statistics", ("parts",), small=True
)
UNIT_SUMS = sequence_kernel(
    "norm_units.cu", "unit_sums", "const scalar* sums, const real* mask, double* totals", ("sums",), small=True
)
PASSES = (NORMALIZE, SUMS, UNIT_STATISTICS, UNIT_SUMS)


def normalize(
    y: Tensor, mean: Tensor, rate: Tensor, bias: Tensor, mask: Tensor | None, lengths: Tensor | None
) -> Tensor:
    """((y - mean) * rate + bias) * mask, with a mask (B, H), the others (H,); 0 past a row's length."""
    y, z = unit_stride(y), empty_like(y)
    if y.numel():
        launch(NORMALIZE, (), Steps(lengths, chunk=0), (y, mean, rate, bias, mask, z))
    return z


def normalize_sums(grad_z: Tensor, y: Tensor, mean: Tensor, mask: Tensor | None, lengths: Tensor | None) -> Tensor:
    """For each unit, the sums of the masked gradient of z, and of its product with y - mean: (2, H) in float64."""
    _, B, H = y.shape
    totals = mean.new_zeros(2, H, dtype=torch.float64)
    if y.numel():
        sums = mean.new_empty(2, B, H)
        launch(SUMS, (), Steps(lengths, chunk=0), (unit_stride(grad_z), unit_stride(y), mean, sums))
        launch(UNIT_SUMS, (), Steps(), (sums.view(2 * B, 1, H), mask, totals))
    return totals


def unit_statistics(parts: Tensor, lengths: Tensor | None, T: int) -> Tensor:
    """The mean, variance and number of steps of each unit, (3, H) in float64, from the measurements of its lanes."""
    _, B, H = parts.shape
    statistics = parts.new_zeros(3, H, dtype=torch.float64)
    if B and H:
        steps = torch.full((B,), T, device=parts.device) if lengths is None else lengths
        launch(UNIT_STATISTICS, (), Steps(steps), (parts.view(3 * B, 1, H), statistics))
    return statistics


normalize_op = register(
    "normalize",
    "(Tensor y, Tensor mean, Tensor rate, Tensor bias, Tensor? mask, Tensor? lengths) -> Tensor",
    normalize,
    lambda y, *_: empty_like(y),
)
normalize_sums_op = register(
    "normalize_sums",
    "(Tensor grad_z, Tensor y, Tensor mean, Tensor? mask, Tensor? lengths) -> Tensor",
    normalize_sums,
    lambda grad_z, y, mean, *_: mean.new_empty(2, y.shape[-1], dtype=torch.float64),
)
