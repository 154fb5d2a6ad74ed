"""Networks that are reversible in depth: what layers save for backward does not grow with their number."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.func import functional_call
from torch.utils.checkpoint import get_device_states, set_device_states

from ..functional.arrays import each
from ..functional.checks import flat
from ..ops.compiling import disable
from .block import RecurrentBlock, projection, refuse_memory, split, width_after, width_before
from .sequence import SequenceModule, State


class Branch(nn.Module):
    """block -> projection: what a coupling adds to one half, computed from the other."""

    def __init__(self, hidden_size: int, dropout: float, **options: Any) -> None:
        super().__init__()
        self.block = RecurrentBlock(hidden_size, dropout, **options)
        self.projection = projection(width_after(hidden_size, options), width_before(hidden_size, options))

    def forward(self, x: Tensor, state: State | None, **steps: Tensor | None) -> tuple[Tensor, State]:
        y, state = self.block(x, state, **steps)
        return self.projection(y), state


class ReversibleNetwork(SequenceModule[tuple[Any, ...]]):
    """A projection into two halves, `num_blocks` reversible couplings, and a last recurrence over both.

    A coupling is :math:`y_1 = x_1 + F(x_2),\\ y_2 = x_2 + G(y_1)`, with F and G each recurrence -> norm -> dropout ->
    projection, or with `norm_first` norm -> recurrence -> dropout -> projection, so that there are
    `2 * num_blocks + 1` recurrences. Only the last halves are saved for backward, which recomputes the previous ones
    from them, at the cost of another forward pass, in which dropout masks are the same and norm statistics unchanged.

    The halves are float32, under autocast too, and are rounded each time they are computed. With 65 recurrences over
    784 steps, the error of the gradient is 3e-3 of its norm, compared with 1e-3 for plain autograd in float32; with
    `norm_first`, where sequences grow before they are normalised, it is 3e-2. It grows if the outputs of branches are
    much larger than their inputs.

    Args:
        hidden_size: width of each half; the output is twice as wide.
        input_size, num_blocks, dropout, options: as in :class:`ResidualNetwork`.

    Shape: as in :class:`PlainNetwork`.

    Reference: Gomez et al., "The Reversible Residual Network", NeurIPS 2017, arXiv 1707.04585.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_blocks: int, dropout: float = 0.0, **options: Any
    ) -> None:
        super().__init__()
        if num_blocks < 1:
            raise ValueError(f"num_blocks is {num_blocks}, expected at least 1")
        refuse_memory(options)
        self.input_size, self.output_size = input_size, width_after(2 * hidden_size, options)
        self.first = projection(input_size, width_before(2 * hidden_size, options))
        self.branches = nn.ModuleList(Branch(hidden_size, dropout, **options) for _ in range(2 * num_blocks))
        self.last = RecurrentBlock(2 * hidden_size, dropout, last=True, **options)

    def _run(
        self, x: Tensor, state: State | None, lengths: Tensor | None, resets: Tensor | None
    ) -> tuple[Tensor, State]:
        *initial, last = split(state, len(self.branches) + 1)
        steps = {"lengths": lengths, "resets": resets}
        x1, x2 = self.first(x).chunk(2, -1)
        x1, x2, states = couple(self.branches, x1, x2, initial, steps)
        y, last = self.last(torch.cat((x1, x2), -1), last, **steps)
        return y, (*states, last)


@disable  # its backward runs the layers again
def couple(
    branches: nn.ModuleList, x1: Tensor, x2: Tensor, initial: Sequence[State | None], steps: dict[str, Any]
) -> tuple[Tensor, Tensor, tuple[State, ...]]:
    """Adds the outputs of the branches to the two halves in turn; returns both, and the states of the branches."""
    parameters = [p for branch in branches for p in branch.parameters()]
    found: list[State] = []
    x1_n, x2_n, *last = Coupling.apply(branches, steps, initial, found, x1, x2, *flat(initial), *parameters)
    return x1_n.to(x1.dtype), x2_n.to(x2.dtype), filled(found, iter(last))


def filled(structure: Any, tensors: Iterator[Tensor]) -> Any:
    """A nested tuple like `structure`, with these tensors, in the order of :func:`flat`, in place of its elements."""
    if isinstance(structure, tuple | list):
        return tuple(filled(part, tensors) for part in structure)
    return None if structure is None else next(tensors)


class Coupling(torch.autograd.Function):
    """(x1, x2) to (x2, x1 + branch(x2)) for each branch. Saves the last pair, the initial states and the parameters.

    The states of the branches, whose structure the caller does not know, are appended to `found`.
    """

    @staticmethod
    def forward(ctx, branches, steps, initial, found, x1, x2, *tensors):
        ctx.branches, ctx.steps, ctx.dtype, ctx.settings = branches, steps, x1.dtype, []
        x1, x2 = (
            x.to(torch.promote_types(x.dtype, torch.float32)) for x in (x1, x2)
        )  # in 16 bits, subtraction is too inexact
        for branch, state in zip(branches, initial, strict=True):
            ctx.settings.append(Settings.of(branch, x1))
            added, state = branch(x2.to(ctx.dtype), state, **steps)
            x1, x2 = x2, x1 + added
            found.append(state)
        ctx.save_for_backward(x1, x2, *tensors)
        ctx.initial, ctx.sizes = each(lambda _: True, initial), [len(list(flat([state]))) for state in found]
        return x1, x2, *flat(found)

    @staticmethod
    @once_differentiable
    def backward(ctx, grad1, grad2, *grad_states):
        x1, x2, *tensors = ctx.saved_tensors
        rest = iter(tensors)
        states, parameters = list(filled(ctx.initial, rest)), list(rest)
        of_states: list[Tensor | None] = []
        of_parameters: list[Tensor | None] = []
        for branch, settings, size in zip(reversed(ctx.branches), ctx.settings[::-1], ctx.sizes[::-1], strict=True):
            mine = [parameters.pop().detach().requires_grad_(wanted) for wanted in reversed(settings.wanted)][::-1]
            entry = x1.to(ctx.dtype).detach().requires_grad_()
            initial = each(lambda s: s.detach().requires_grad_(), states.pop())
            inputs = [entry, *flat([initial]), *(p for p in mine if p.requires_grad)]
            with settings.again(branch):
                values = dict(zip(settings.names, mine, strict=True)) | {
                    n: b.clone() for n, b in settings.buffers.items()
                }
                added, state = functional_call(branch, values, (entry, initial), ctx.steps)
                pairs = [(added, grad2.to(added.dtype))]
                pairs += zip(flat([state]), grad_states[len(grad_states) - size :], strict=True)
                outputs, gradients = zip(*(pair for pair in pairs if pair[0].requires_grad), strict=True)
                grad, *grads = torch.autograd.grad(outputs, inputs, gradients, allow_unused=True)
            grad_states = grad_states[: len(grad_states) - size]
            x1, x2 = x2 - added.detach(), x1
            grad1, grad2 = grad2, grad1 if grad is None else grad1 + grad
            of_states[:0] = [grads.pop(0) for _ in flat([initial])]
            of_parameters[:0] = [grads.pop(0) if wanted else None for wanted in settings.wanted]
        return None, None, None, None, grad1.to(ctx.dtype), grad2.to(ctx.dtype), *of_states, *of_parameters


class Settings(NamedTuple):
    """What the output of a module depends on in addition to its input and its parameters."""

    names: list[str]  # of its parameters
    wanted: list[bool]  # whether their gradients are needed
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
        """A context in which the module is as it was."""
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
