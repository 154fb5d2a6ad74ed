"""What the classification tasks share: the settings of their networks, a body, and a classifier."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from torch import Tensor, nn

from indrnn_cupy import (
    Activity,
    DenseNetwork,
    PlainNetwork,
    ResidualNetwork,
    ReversibleNetwork,
    activity_penalty,
)

from .config import TaskError
from .models import ModelConfig, recurrence_options

Body: TypeAlias = PlainNetwork | ResidualNetwork | DenseNetwork | ReversibleNetwork


@dataclass
class NetworkConfig(ModelConfig):
    """What the settings of a classification task go on with."""

    activity_target: float = 0.05
    """The share of units with an event to which the loss draws an EGRU."""
    activity_weight: float = 0.0
    """Weight of the squared distance from that share in the loss, 100 or so."""
    network: Literal["plain", "residual", "dense", "reversible"] = "plain"
    """How layers are put together. A reversible network holds the sequences of one layer for backward, however deep."""
    hidden_size: int = 128
    """Units of each layer; the growth rate of a dense network; half the units of a reversible one."""
    num_layers: int = 6
    """Recurrences of a plain network, blocks of two of a residual or reversible one; no choice of a dense one."""
    dropout: float = 0.1
    """One mask for all time steps, after each layer; in a dense network less in bottlenecks and transitions."""

    def check(self) -> None:
        super().check()
        self.expect_positive("hidden_size", "num_layers")
        self.expect("activity_target", lambda v: 0 <= v <= 1, "a number from 0 to 1")
        self.expect("activity_weight", lambda v: 0 <= v < math.inf, "a number, 0 or above")
        if self.activity_weight and (self.model != "egru" or self.network == "reversible"):
            raise TaskError(
                f"--activity-weight needs --model egru, and a --network that is not reversible; they are "
                f"{self.model} and {self.network}"
            )
        self.expect("dropout", lambda v: 0 <= v < 1, "a number from 0 to below 1")


def make_body(config: NetworkConfig, input_size: int, steps: int, dense: Mapping[str, Any], **options: Any) -> Body:
    """The recurrent part of a network, for sequences of so many steps; `dense`: options of a dense one alone."""
    options |= {**recurrence_options(config, steps), "dropout": config.dropout}
    if "longest_memory" in options and config.network in ("residual", "reversible"):
        options |= {"norm_first": True}  # whose bias sets the memory
    if config.network == "dense":
        return DenseNetwork(input_size, config.hidden_size, **dense, **options)
    kinds: dict[str, Callable[..., Body]] = {
        "plain": PlainNetwork,
        "residual": ResidualNetwork,
        "reversible": ReversibleNetwork,
    }
    return kinds[config.network](input_size, config.hidden_size, config.num_layers, **options)


def activity_loss(config: NetworkConfig) -> Callable[[Sequence[Activity]], Tensor] | None:
    """What draws the events of an EGRU to the target, if anything does."""
    if not config.activity_weight:
        return None
    return lambda activities: config.activity_weight * activity_penalty(activities, config.activity_target)


def make_classifier(input_size: int, classes: int) -> nn.Linear:
    """A `torch.nn.Linear` with the initial values of Li et al.: kaiming_normal, and a bias of 0."""
    classifier = nn.Linear(input_size, classes)
    nn.init.kaiming_normal_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    return classifier
