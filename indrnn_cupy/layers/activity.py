"""How many events there are in a network, as a statistic and as a term of a loss."""

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
    """Of one run of an :class:`EGRURecurrence`, over the steps that its rows have."""

    events: Tensor  # share of units and steps with an event; gradients flow through it
    support: Tensor  # share of those at which backward needs the product with R: at an event, or within the slope
    dense_operations: int  # multiplications by a recurrent weight in a step of a row, forward and backward, of a GRU

    @property
    def operations(self) -> Tensor:
        """Those that events would need: a third for each of y R, the gradient of y, and that of R, here done whole."""
        return self.dense_operations * (2 * self.events.detach() + self.support) / 3

    def means(self) -> dict[str, Tensor]:
        """The shares of events, of units that backward needs, and of the multiplications."""
        shares = self.events.detach(), self.support, self.operations / self.dense_operations
        return dict(zip(SHARES, shares, strict=True))


@contextmanager
def record_activity(network: nn.Module) -> Iterator[list[Activity]]:
    """Inside, every run of an EGRU recurrence in the network adds its :class:`Activity` to the list that this yields.

    Use it anew for each training step: the list holds the graphs of its runs. Call the network as it is, not what
    torch.compile made of it, which leaves hooks out; and backward outside where it runs the network again, as a
    reversible network's does, whose recurrences all but the last have no gradient here.
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
    """The mean squared distance of the shares of events from a target, to be added to a loss.

    It is small, 0.01 for a distance of 10 %: weigh it with 100 or so beside a cross-entropy.
    """
    if not activities:
        raise ValueError("there is no activity; record that of a network with an EGRU that is not compiled")
    if len({a.events.requires_grad for a in activities}) == 2:
        raise ValueError(
            "not all of these activities have gradients: a reversible network's do not, take another network"
        )
    return torch.stack([(a.events - target).square() for a in activities]).mean()
