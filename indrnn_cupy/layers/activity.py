"""How many events there are in a network, as a statistic and as a term of a loss."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from .egru import EGRURecurrence


class Activity(NamedTuple):
    """Of one run of an :class:`EGRURecurrence`, over the steps that its rows have."""

    events: Tensor  # share of units and steps with an event; gradients flow through it
    support: Tensor  # share at which backward needs the product with R: at an event, or within the slope
    operations: Tensor  # multiplications by a recurrent weight that forward needs for a step of a row
    dense_operations: int  # those of a GRU

    def means(self) -> dict[str, Tensor]:
        shares = {"activity": self.events.detach(), "support": self.support}
        return shares | {"effective_operations": self.operations / self.dense_operations}


@contextmanager
def record_activity(network: nn.Module) -> Iterator[list[Activity]]:
    """Inside, every run of an EGRU recurrence in the network adds its activity to the list that this yields."""
    found: list[Activity] = []

    def record(module: EGRURecurrence, _: Any, keywords: dict[str, Any], outputs: tuple[Any, ...]) -> None:
        y, (h, o, _), _ = outputs
        lengths, H = keywords.get("lengths"), module.hidden_size
        count = (y.shape[0] * y.shape[1] if lengths is None else lengths.sum()) * H
        events = o.sum(dtype=torch.float32) / count
        with torch.no_grad():
            near = (h - module.thr.clamp(0, 1)).abs() * module.pseudo_derivative_support < 1
            if lengths is not None:
                time = torch.arange(y.shape[1 if module.batch_first else 0], device=y.device)
                valid = time < lengths.to(y.device).unsqueeze(1)
                near &= (valid if module.batch_first else valid.t()).unsqueeze(-1)
            support = (near | (o > 0)).sum(dtype=torch.float32) / count
            operations = 3 * H * H * events.detach()
        found.append(Activity(events, support, operations, 3 * H * H))

    modules = [module for module in network.modules() if isinstance(module, EGRURecurrence)]
    hooks = [module.register_forward_hook(record, with_kwargs=True) for module in modules]
    try:
        yield found
    finally:
        for hook in hooks:
            hook.remove()


def activity_penalty(activities: Sequence[Activity], target: float) -> Tensor:
    """The mean squared distance of the shares of events from a target, to be added to a loss."""
    return torch.stack([(a.events - target).square() for a in activities]).mean()
