"""The number of events in a network, as a statistic and as a term of a loss."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..functional.checks import as_integers
from .egru_recurrence import EGRURecurrence
from .padding import valid_steps

SHARES = ("activity", "support", "effective_operations")


class Activity(NamedTuple):
    """The activity in one run of an :class:`EGRURecurrence`, over the valid steps of its rows."""

    events: Tensor  # fraction of units and steps with an event; gradients flow through it
    support: Tensor  # fraction at which backward needs the product with R: at an event, or within the slope
    dense_operations: int  # multiplications by recurrent weights per step and row of a GRU, forward and backward

    @property
    def operations(self) -> Tensor:
        """Multiplications that events need: a third each for y R, the gradient of y, and that of R (dense here)."""
        return self.dense_operations * (2 * self.events.detach() + self.support) / 3

    def means(self) -> dict[str, Tensor]:
        """The fractions of events, of units that backward needs, and of the multiplications."""
        shares = self.events.detach(), self.support, self.operations / self.dense_operations
        return dict(zip(SHARES, shares, strict=True))


@contextmanager
def record_activity(network: nn.Module) -> Iterator[list[Activity]]:
    """A context in which each run of an EGRU recurrence in the network appends its :class:`Activity` to a list.

    Use a new context for each training step, as the list keeps the graphs of its runs. Call the network itself, not the
    result of torch.compile, which skips hooks. Call backward outside the context if it runs the network again, as it
    does in a reversible network, where only the activity of the last recurrence has a gradient.
    """
    found: list[Activity] = []

    def record(module: EGRURecurrence, _: Any, keywords: dict[str, Any], outputs: tuple[Any, ...]) -> None:
        y, (h, o, _), _ = outputs
        lengths, H = keywords.get("lengths"), module.hidden_size
        lengths = None if lengths is None else as_integers(lengths).to(y.device)
        count = max(1, y.numel()) if lengths is None else lengths.sum().clamp(min=1) * H
        events = o.sum(dtype=torch.float32) / count
        with torch.no_grad():
            near = (h - module.thr.clamp(0, 1)).abs() * module.pseudo_derivative_support < 1
            if lengths is not None:
                near &= valid_steps(y, lengths, module.batch_first).unsqueeze(-1)
            support = (near | (o > 0)).sum(dtype=torch.float32) / count
        found.append(Activity(events, support, 9 * H * H))

    modules = [module for module in network.modules() if isinstance(module, EGRURecurrence)]
    hooks = [module.register_forward_hook(record, with_kwargs=True) for module in modules]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def activity_penalty(activities: Sequence[Activity], target: float) -> Tensor:
    """The mean squared difference between the fractions of events and a target, to be added to a loss.

    It is small, 0.01 for a difference of 10 %: give it a weight of about 100 with a cross-entropy loss.
    """
    if not activities:
        raise ValueError("there is no activity; record it from a network that has an EGRU and is not compiled")
    if len({a.events.requires_grad for a in activities}) == 2:
        raise ValueError("not all of these activities have gradients, as in a reversible network; use another network")
    return torch.stack([(a.events - target).square() for a in activities]).mean()
