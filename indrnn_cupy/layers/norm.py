"""Batch norm of sequences, over all steps at once or for each step, which knows where rows end."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.modules.batchnorm import _BatchNorm


def valid_steps(x: Tensor, lengths: Tensor, batch_first: bool) -> Tensor:
    """Marks the steps within each row's length: bool, (T, B), or (B, T) with `batch_first`, like the sequence x."""
    if lengths.shape != x.shape[:1] if batch_first else lengths.shape != x.shape[1:2]:
        raise ValueError(
            f"lengths has shape {tuple(lengths.shape)}, expected one number for each row of {tuple(x.shape)}"
        )
    steps = torch.arange(x.shape[1 if batch_first else 0], device=x.device)
    lengths = lengths.to(x.device)
    return steps < lengths[:, None] if batch_first else steps[:, None] < lengths


def zero_padding(x: Tensor, lengths: Tensor | None, batch_first: bool = False) -> Tensor:
    """The sequence with zeros past each row's length."""
    return x if lengths is None else x.masked_fill(~valid_steps(x, lengths, batch_first).unsqueeze(-1), 0)


def with_differences(x: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Beside each unit of a sequence, how it changed since the step before: (T, B, H) to (T, B, 2H). The first is 0."""
    return torch.cat((x, zero_padding(torch.diff(x, dim=0, prepend=x[:1]), lengths)), -1)


class SequenceBatchNorm(nn.BatchNorm1d):
    r"""Batch norm with one mean and variance per unit, over every step of every row:

    .. math:: y_{tbj} = \gamma_j (x_{tbj} - \mu_j) / \sqrt{\sigma^2_j + \epsilon} + \beta_j

    Args: those of `torch.nn.BatchNorm1d`, and
        batch_first: sequences are `(B, T, H)` instead of `(T, B, H)`.

    Shape: x `(T, B, H)` to the same. With `lengths`, (B,), steps past a row's length count for nothing and come out 0.
    """

    def __init__(self, num_features: int, batch_first: bool = False, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__(num_features, eps, momentum)
        self.batch_first = batch_first

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if lengths is None:
            return super().forward(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        valid = valid_steps(x, lengths, self.batch_first)
        return torch.zeros_like(x).masked_scatter(valid.unsqueeze(-1), super().forward(x[valid]))


class StepBatchNorm(_BatchNorm):
    r"""Batch norm with a mean and variance per step and unit, over the rows, and one scale and shift for all steps:

    .. math:: y_{tbj} = \gamma_j (x_{tbj} - \mu_{tj}) / \sqrt{\sigma^2_{tj} + \epsilon} + \beta_j

    Args: those of `torch.nn.BatchNorm1d`, and
        max_steps: the longest sequence there will be; each step keeps running statistics.
        batch_first: sequences are `(B, T, H)` instead of `(T, B, H)`.

    Shape: x `(T, B, H)` to the same, T at most `max_steps`. With `lengths`, (B,), steps past a row's length count for
    nothing and come out 0. In training every step needs two rows; one that has fewer is normalised by its running
    statistics and leaves them alone.

    Reference: Cooijmans et al., "Recurrent Batch Normalization", ICLR 2017, arXiv 1603.09025.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self, num_features: int, max_steps: int, batch_first: bool = False, eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__(num_features, eps, momentum)
        self.max_steps, self.batch_first = max_steps, batch_first
        self.running_mean = torch.zeros(max_steps, num_features)
        self.running_var = torch.ones(max_steps, num_features)
        self.num_batches_tracked = torch.zeros(max_steps, dtype=torch.long)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        rows = 0 if self.batch_first else 1
        steps = x.shape[1 - rows]
        if steps > self.max_steps:
            raise ValueError(f"x has {steps} steps, expected at most max_steps = {self.max_steps}")
        mean, variance = self.running_mean[:steps], self.running_var[:steps]
        x = zero_padding(x, lengths, self.batch_first)
        if self.training:
            valid = None if lengths is None else valid_steps(x, lengths, self.batch_first).unsqueeze(-1)
            mean, variance = self._measure(x.to(mean.dtype), valid, rows, mean, variance)
        mean, scale = mean.unsqueeze(rows), (variance + self.eps).rsqrt().unsqueeze(rows) * self.weight
        return zero_padding(torch.addcmul(self.bias, x - mean, scale).to(x.dtype), lengths, self.batch_first)

    def _measure(
        self, x: Tensor, valid: Tensor | None, rows: int, running_mean: Tensor, running_variance: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The mean and variance of each step, (T, H); the running statistics move towards them."""
        share = torch.ones_like(x[..., :1]) if valid is None else valid.to(x.dtype)
        count = share.sum(rows)
        share = share / count.clamp(min=1).unsqueeze(rows)
        mean = (x * share).sum(rows)
        variance = ((x - mean.unsqueeze(rows)).square() * share).sum(rows)
        enough = count > 1
        used = torch.where(enough, mean, running_mean), torch.where(enough, variance, running_variance)
        with torch.no_grad():
            tracked = self.num_batches_tracked[: len(running_mean)]
            tracked += enough.flatten().long()
            pull = enough * (
                1 / tracked.clamp(min=1).unsqueeze(1) if self.momentum is None else x.new_tensor(self.momentum)
            )
            running_mean.lerp_(mean, pull.to(x.dtype))
            running_variance.lerp_(variance * count / (count - 1).clamp(min=1), pull.to(x.dtype))
        return used


class SequenceDropout(nn.Module):
    """Dropout with one mask for all steps of a sequence.

    Args:
        p: the probability of a unit of a row to be zero throughout; the others are multiplied by 1 / (1 - p).
        batch_first: sequences are `(B, T, H)` instead of `(T, B, H)`.

    Shape: x `(T, B, H)` to the same.

    Reference: Gal and Ghahramani, NeurIPS 2016, arXiv 1512.05287.
    """

    def __init__(self, p: float = 0.5, batch_first: bool = False) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p is {p}, expected a number from 0 to below 1")
        self.p, self.time = p, 1 if batch_first else 0

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        return x * functional.dropout(torch.ones_like(x.select(self.time, 0)), self.p).unsqueeze(self.time)

    def extra_repr(self) -> str:
        return f"p={self.p}"
