"""Networks that are reversible in depth: what their layers hold for backward does not grow with their number."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.utils.checkpoint import get_device_states, set_device_states

from .block import RecurrentBlock, projection, width_before
from .norm import zero_padding


class Branch(nn.Module):
    """norm -> recurrence -> dropout -> projection: what a coupling adds to one half, worked out from the other."""

    def __init__(self, hidden_size: int, dropout: float, **options: Any) -> None:
        super().__init__()
        self.block = RecurrentBlock(hidden_size, dropout, norm_first=True, **options)
        self.projection = projection(hidden_size, width_before(hidden_size, options))

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        return self.projection(self.block(x, lengths))


class ReversibleNetwork(nn.Module):
    """A projection into two halves, `num_blocks` reversible couplings, and a last recurrence over both.

    A coupling is :math:`y_1 = x_1 + F(x_2),\\ y_2 = x_2 + G(y_1)`, with F and G each norm -> recurrence -> dropout ->
    projection, so that there are `2 * num_blocks + 1` recurrences. Backward works the halves out again from what comes
    after: it keeps the last ones alone, for one more forward pass. There dropout draws the same masks, and the norms'
    statistics stay as they are. The halves are float32 under autocast too.

    Args:
        hidden_size: of each half; the output is twice as wide.
        input_size, num_blocks, dropout, options: as of :class:`ResidualNetwork`, without `norm_first`.

    Shape: as of :class:`PlainNetwork`.

    Reference: Gomez et al., "The Reversible Residual Network", NeurIPS 2017, arXiv 1707.04585.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_blocks: int, dropout: float = 0.0, **options: Any
    ) -> None:
        super().__init__()
        if num_blocks < 1:
            raise ValueError(f"num_blocks is {num_blocks}, expected at least 1")
        self.output_size = 2 * hidden_size
        self.first = projection(input_size, width_before(2 * hidden_size, options))
        self.branches = nn.ModuleList(Branch(hidden_size, dropout, **options) for _ in range(2 * num_blocks))
        self.last = RecurrentBlock(2 * hidden_size, dropout, last=True, norm_first=True, **options)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        halves = self.first(zero_padding(x, lengths)).chunk(2, -1)
        return self.last(torch.cat(couple(self.branches, *halves, lengths), -1), lengths)


@torch.compiler.disable
def couple(branches: Sequence[nn.Module], x1: Tensor, x2: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """Adds each branch's output to one half and then the other."""
    parameters = [p for branch in branches for p in branch.parameters() if p.requires_grad]
    x1, x2 = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (x1, x2))  # 16 bits cannot be subtracted again
    return Coupling.apply(branches, lengths, x1, x2, *parameters)


class Coupling(torch.autograd.Function):
    """(x1, x2) to (x2, x1 + branch(x2)) for each branch. Keeps the last pair alone for backward."""

    @staticmethod
    def forward(ctx, branches, lengths, x1, x2, *_):
        ctx.branches, ctx.lengths, ctx.settings = branches, lengths, []
        for branch in branches:
            ctx.settings.append(settings_of(x1))
            x1, x2 = x2, x1 + branch(x2, lengths)
        ctx.save_for_backward(x1, x2)
        return x1, x2

    @staticmethod
    @once_differentiable
    def backward(ctx, grad1, grad2):
        x1, x2 = ctx.saved_tensors
        found = []
        for branch, settings in zip(reversed(ctx.branches), reversed(ctx.settings), strict=True):
            entry, parameters = x1.detach().requires_grad_(), [p for p in branch.parameters() if p.requires_grad]
            with again(branch, settings, x1):
                added = branch(entry, ctx.lengths)
                grad, *grads = torch.autograd.grad(
                    added, [entry, *parameters], grad2.to(added.dtype), allow_unused=True
                )
            x1, x2 = x2 - added.detach(), x1
            grad1, grad2 = grad2, grad1 if grad is None else grad1 + grad
            found.append(grads)
        return None, None, grad1, grad2, *(g for grads in reversed(found) for g in grads)


class Settings(NamedTuple):
    """What a module's output depends on beside its input: random numbers and autocast."""

    generator: Tensor
    devices: tuple[list[int], list[Tensor]]
    autocast: tuple[bool, torch.dtype]


def settings_of(x: Tensor) -> Settings:
    device = x.device.type
    autocast = torch.is_autocast_enabled(device), torch.get_autocast_dtype(device)
    return Settings(torch.get_rng_state(), get_device_states(x), autocast)


@contextmanager
def again(module: nn.Module, settings: Settings, x: Tensor) -> Iterator[None]:
    """Inside, the module gives what it gave under these settings; its buffers are as before afterwards."""
    buffers = [buffer.clone() for buffer in module.buffers()]
    enabled, dtype = settings.autocast
    with (
        torch.random.fork_rng(settings.devices[0]),
        torch.enable_grad(),
        torch.autocast(x.device.type, dtype, enabled=enabled),
    ):
        torch.set_rng_state(settings.generator)
        set_device_states(*settings.devices)
        yield
    for buffer, before in zip(module.buffers(), buffers, strict=True):
        buffer.copy_(before)
