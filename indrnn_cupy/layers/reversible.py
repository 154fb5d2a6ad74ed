"""Networks that are reversible in depth: what their layers hold for backward does not grow with their number."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call
from torch.utils.checkpoint import get_device_states, set_device_states

from .block import RecurrentBlock, projection, refuse_memory, width_before
from .norm import zero_padding


class Branch(nn.Module):
    """block -> projection: what a coupling adds to one half, worked out from the other."""

    def __init__(self, hidden_size: int, dropout: float, **options: Any) -> None:
        super().__init__()
        self.block = RecurrentBlock(hidden_size, dropout, **options)
        self.projection = projection(hidden_size, width_before(hidden_size, options))

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        return self.projection(self.block(x, lengths))


class ReversibleNetwork(nn.Module):
    """A projection into two halves, `num_blocks` reversible couplings, and a last recurrence over both.

    A coupling is :math:`y_1 = x_1 + F(x_2),\\ y_2 = x_2 + G(y_1)`, with F and G each recurrence -> norm -> dropout ->
    projection, or with `norm_first` norm -> recurrence -> dropout -> projection, so that there are
    `2 * num_blocks + 1` recurrences. Backward works the halves out again from what comes after: it keeps the last ones
    alone, for one more forward pass, in which dropout draws the same masks and the norms' statistics stay as they are.

    The halves are float32, under autocast too, and are rounded each time they are worked out. With 65 recurrences over
    784 steps the gradient's error is 3e-3 of its norm, where plain autograd's in float32 is 1e-3; with `norm_first`,
    where sequences grow before they are normalised, 3e-2. It grows with branches that give far more than they take.

    Args:
        hidden_size: of each half; the output is twice as wide.
        input_size, num_blocks, dropout, options: as of :class:`ResidualNetwork`.

    Shape: as of :class:`PlainNetwork`.

    Reference: Gomez et al., "The Reversible Residual Network", NeurIPS 2017, arXiv 1707.04585.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_blocks: int, dropout: float = 0.0, **options: Any
    ) -> None:
        super().__init__()
        if num_blocks < 1:
            raise ValueError(f"num_blocks is {num_blocks}, expected at least 1")
        refuse_memory(options)
        self.output_size = 2 * hidden_size
        self.first = projection(input_size, width_before(2 * hidden_size, options))
        self.branches = nn.ModuleList(Branch(hidden_size, dropout, **options) for _ in range(2 * num_blocks))
        self.last = RecurrentBlock(2 * hidden_size, dropout, last=True, **options)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        halves = self.first(zero_padding(x, lengths)).chunk(2, -1)
        return self.last(torch.cat(couple(self.branches, *halves, lengths), -1), lengths)


@torch.compiler.disable(reason="its backward runs the layers again")
def couple(branches: Sequence[nn.Module], x1: Tensor, x2: Tensor, lengths: Tensor | None) -> tuple[Tensor, Tensor]:
    """Adds each branch's output to one half and then the other."""
    parameters = [p for branch in branches for p in branch.parameters()]
    halves = Coupling.apply(branches, lengths, x1, x2, *parameters)
    return halves[0].to(x1.dtype), halves[1].to(x1.dtype)


class Coupling(torch.autograd.Function):
    """(x1, x2) to (x2, x1 + branch(x2)) for each branch. Keeps the last pair and the parameters for backward."""

    @staticmethod
    def forward(ctx, branches, lengths, x1, x2, *parameters):
        ctx.branches, ctx.lengths, ctx.dtype, ctx.settings = branches, lengths, x1.dtype, []
        x1, x2 = (x.to(torch.promote_types(x.dtype, torch.float32)) for x in (x1, x2))  # 16 bits cannot be subtracted
        for branch in branches:
            ctx.settings.append(Settings.of(branch, x1))
            x1, x2 = x2, x1 + branch(x2.to(ctx.dtype), lengths)
        ctx.save_for_backward(x1, x2, *parameters)
        return x1, x2

    @staticmethod
    @once_differentiable
    def backward(ctx, grad1, grad2):
        x1, x2, *parameters = ctx.saved_tensors
        found: list[Tensor | None] = []
        for branch, settings in zip(reversed(ctx.branches), reversed(ctx.settings), strict=True):
            mine = [parameters.pop().detach().requires_grad_(wanted) for wanted in reversed(settings.wanted)][::-1]
            entry = x1.to(ctx.dtype).detach().requires_grad_()
            with settings.again(branch):
                state = dict(zip(settings.names, mine, strict=True)) | {
                    n: b.clone() for n, b in settings.buffers.items()
                }
                added = functional_call(branch, state, (entry, ctx.lengths))
                inputs = [entry, *(p for p in mine if p.requires_grad)]
                grad, *grads = torch.autograd.grad(added, inputs, grad2.to(added.dtype), allow_unused=True)
            x1, x2 = x2 - added.detach(), x1
            grad1, grad2 = grad2, grad1 if grad is None else grad1 + grad
            found = [grads.pop(0) if wanted else None for wanted in settings.wanted] + found
        return None, None, grad1.to(ctx.dtype), grad2.to(ctx.dtype), *found


class Settings(NamedTuple):
    """What a module's output depends on beside its input and its parameters."""

    names: list[str]  # of its parameters
    wanted: list[bool]  # their gradients
    buffers: dict[str, Tensor]
    training: list[bool]
    generator: Tensor
    devices: tuple[list[int], list[Tensor]]
    autocast: tuple[str, torch.dtype, bool]

    @classmethod
    def of(cls, module: nn.Module, x: Tensor) -> "Settings":
        parameters = dict(module.named_parameters())
        device = x.device.type if torch.amp.is_autocast_available(x.device.type) else "cpu"
        return cls(
            list(parameters),
            [p.requires_grad for p in parameters.values()],
            {name: buffer.clone() for name, buffer in module.named_buffers()},
            [m.training for m in module.modules()],
            torch.get_rng_state(),
            get_device_states(x),
            (device, torch.get_autocast_dtype(device), torch.is_autocast_enabled(device)),
        )

    @contextmanager
    def again(self, module: nn.Module) -> Iterator[None]:
        """Inside, the module is as it was."""
        device, dtype, enabled = self.autocast
        modules = list(module.modules())
        now = [m.training for m in modules]
        try:
            for m, training in zip(modules, self.training, strict=True):
                m.training = training
            with (
                torch.random.fork_rng(self.devices[0]),
                torch.enable_grad(),
                torch.autocast(device, dtype, enabled=enabled),
            ):
                torch.set_rng_state(self.generator)
                set_device_states(*self.devices)
                yield
        finally:
            for m, training in zip(modules, now, strict=True):
                m.training = training
