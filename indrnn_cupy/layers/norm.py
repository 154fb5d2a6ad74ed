"""Batch norm of sequences, over all steps or for each step, which ignores padding."""

from typing import Any

import torch
from torch import Tensor, nn

from .padding import valid_steps, zero_padding

PARTS = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")


class SequenceBatchNorm(nn.Module):
    r"""Batch norm with one mean and variance per unit, over every step of every row:

    .. math:: y_{tbj} = \gamma_j (x_{tbj} - \mu_j) / \sqrt{\sigma^2_j + \epsilon} + \beta_j

    Args:
        num_features, eps, momentum: as in `torch.nn.BatchNorm1d`.
        batch_first: sequences are `(B, T, H)` instead of `(T, B, H)`.

    Shape: x `(T, B, H)` to `(T, B, H)`. With `lengths`, (B,), steps past a row's length are ignored and their outputs
    are 0; fewer than two steps in total are normalised by the running statistics, which do not change.

    Attributes:
        batch_norm: the `torch.nn.BatchNorm1d` that holds the parameters and the running statistics. After
            `torch.nn.SyncBatchNorm.convert_sync_batchnorm` the statistics are computed over the batches of all
            processes, on a CPU too, where DistributedDataParallel does not accept such modules.
    """

    def __init__(self, num_features: int, batch_first: bool = False, eps: float = 1e-5, momentum: float = 0.1) -> None:
        super().__init__()
        self.batch_first = batch_first
        self.batch_norm = nn.BatchNorm1d(num_features, eps, momentum)
        self.register_load_state_dict_pre_hook(_from_one_module)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if lengths is None and not is_synchronized(self.batch_norm):
            return self.batch_norm(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return self._normalize(x, lengths, (0, 1), self._running())

    def _running(self) -> tuple[Any, ...]:
        """The running mean and variance, and the number of batches tracked."""
        return self.batch_norm.running_mean, self.batch_norm.running_var, self.batch_norm.num_batches_tracked

    def _normalize(self, x: Tensor, lengths: Tensor | None, over: tuple[int, ...], running: tuple[Any, ...]) -> Tensor:
        """Normalises with the statistics over these dimensions or, in evaluation, with the running statistics."""
        wide = torch.promote_types(
            self.batch_norm.weight.dtype, torch.float32
        )  # 16 bits hold neither counts nor squares
        mean, variance = (statistic.to(wide) for statistic in running[:2])
        x = zero_padding(x, lengths, self.batch_first)
        if self.batch_norm.training:
            valid = None if lengths is None else valid_steps(x, lengths, self.batch_first).unsqueeze(-1)
            mean, variance = self._measure(x.to(wide), valid, over, running)
        for dim in over:
            mean, variance = mean.unsqueeze(dim), variance.unsqueeze(dim)
        scale = (variance + self.batch_norm.eps).rsqrt() * self.batch_norm.weight
        y = torch.addcmul(self.batch_norm.bias, x - mean, scale).to(x.dtype)
        return zero_padding(y, lengths, self.batch_first)

    def _measure(
        self, x: Tensor, valid: Tensor | None, over: tuple[int, ...], running: tuple[Any, ...]
    ) -> tuple[Tensor, Tensor]:
        """Computes the mean and variance over these dimensions, and updates the running statistics."""
        running_mean, running_variance, _ = running
        share = torch.ones_like(x[..., :1]) if valid is None else valid.to(x.dtype)
        count = self._all_reduce(share.sum(over, keepdim=True))
        share = share / count.clamp(min=1)
        mean = self._all_reduce((x * share).sum(over, keepdim=True))
        variance = self._all_reduce(((x - mean).square() * share).sum(over, keepdim=True))
        count, mean, variance = (s.squeeze(over) for s in (count, mean, variance))
        enough = count > 1
        used = torch.where(enough, mean, running_mean), torch.where(enough, variance, running_variance)
        self.track(mean, variance, count, running)
        return used

    @torch.no_grad()
    def track(
        self, mean: Tensor, variance: Tensor, count: Tensor | int, running: tuple[Any, ...] | None = None
    ) -> None:
        """Updates the running statistics with those of `count` steps, if there are two or more."""
        running_mean, running_variance, tracked = running or self._running()
        momentum = self.batch_norm.momentum
        if isinstance(count, int | torch.SymInt):  # known to be two or more
            tracked += 1
            pull = 1 / tracked.to(mean.dtype) if momentum is None else momentum
            unbiased = variance * (count / (count - 1))
        else:
            enough = count > 1
            tracked += enough.view_as(tracked).long()
            pull = 1 / tracked.clamp(min=1).view_as(count).to(mean.dtype) if momentum is None else momentum
            pull = enough.to(mean.dtype) * pull
            unbiased = variance * count / (count - 1).clamp(min=1)
        for statistic, found in ((running_mean, mean), (running_variance, unbiased)):
            statistic.copy_(statistic.to(mean.dtype).lerp(found, pull))

    def _all_reduce(self, sums: Tensor) -> Tensor:
        """The sums over the batches of all processes, if batch norm is synchronised."""
        return AllReduce.apply(sums, self.batch_norm.process_group) if is_synchronized(self.batch_norm) else sums


class AllReduce(torch.autograd.Function):
    """The sum of a tensor over processes, each of which computes a part of the loss."""

    @staticmethod
    def forward(ctx, tensor, group):
        ctx.group = group
        tensor = tensor.clone(memory_format=torch.contiguous_format)
        torch.distributed.all_reduce(tensor, group=group)
        return tensor

    @staticmethod
    def backward(ctx, grad):
        return AllReduce.apply(grad, ctx.group), None


class StepBatchNorm(SequenceBatchNorm):
    r"""Batch norm with a mean and variance per step and unit, over the rows, and one scale and shift for all steps:

    .. math:: y_{tbj} = \gamma_j (x_{tbj} - \mu_{tj}) / \sqrt{\sigma^2_{tj} + \epsilon} + \beta_j

    Args:
        num_features, eps, momentum: as in `torch.nn.BatchNorm1d`.
        max_steps: length of the longest sequence; each step has its own running statistics.
        batch_first: sequences are `(B, T, H)` instead of `(T, B, H)`.

    Shape: x `(T, B, H)` to `(T, B, H)`, with T at most `max_steps`. With `lengths`, (B,), steps past a row's length are
    ignored and their outputs are 0. In training every step needs two rows; a step with fewer is normalised by its
    running statistics, which do not change.

    Attributes:
        batch_norm: as in :class:`SequenceBatchNorm`, with running statistics of shape `(max_steps, H)`.

    Reference: Cooijmans et al., "Recurrent Batch Normalization", ICLR 2017, arXiv 1603.09025.
    """

    def __init__(
        self, num_features: int, max_steps: int, batch_first: bool = False, eps: float = 1e-5, momentum: float = 0.1
    ) -> None:
        super().__init__(num_features, batch_first, eps, momentum)
        self.max_steps = max_steps
        self.batch_norm.running_mean = torch.zeros(max_steps, num_features)
        self.batch_norm.running_var = torch.ones(max_steps, num_features)
        self.batch_norm.num_batches_tracked = torch.zeros(max_steps, dtype=torch.long)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        rows = 0 if self.batch_first else 1
        steps = x.shape[1 - rows]
        if steps > self.max_steps:
            raise ValueError(f"x has {steps} steps, expected at most max_steps = {self.max_steps}")
        return self._normalize(x, lengths, (rows,), tuple(statistic[:steps] for statistic in self._running()))


def is_synchronized(batch_norm: nn.Module) -> bool:
    """Whether this module is in training and computes its statistics over several processes."""
    if not isinstance(batch_norm, nn.SyncBatchNorm) or not batch_norm.training:
        return False
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _from_one_module(module: nn.Module, state: dict[str, Any], prefix: str, *_: Any) -> None:
    """Renames the tensors of a checkpoint from before the parameters were in a module of their own."""
    for name in PARTS:
        if f"{prefix}{name}" in state:
            state[f"{prefix}batch_norm.{name}"] = state.pop(f"{prefix}{name}")


def rename_norms_(network: nn.Module, state: dict[str, Any]) -> None:
    """Renames the tensors of an older checkpoint of a network to their current names."""
    for prefix, module in network.named_modules():
        if isinstance(module, SequenceBatchNorm):
            _from_one_module(module, state, f"{prefix}." if prefix else "")
