"""Shared by the classification tasks: network settings, the recurrent body, and the classifier."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from torch import Tensor, nn

from indrnn_cupy import (
    Activity,
    DenseNetwork,
    PlainNetwork,
    ResidualNetwork,
    ReversibleNetwork,
    activity_penalty,
    last_step,
)

from .config import TaskError
from .models import PEERS, ModelConfig, PeerNetwork, recurrence_options

Body: TypeAlias = PlainNetwork | ResidualNetwork | DenseNetwork | ReversibleNetwork | PeerNetwork


@dataclass
class NetworkConfig(ModelConfig):
    """Base class of the settings of classification tasks."""

    activity_target: float = 0.05
    """EGRU: target for the fraction of units with an event, see --activity-weight."""
    activity_weight: float = 0.0
    """EGRU: weight of the squared distance from that target in the loss, 100 or so."""
    network: Literal["plain", "residual", "dense", "reversible"] = "plain"
    """How layers are connected. A reversible network of any depth stores the sequences of one layer only."""
    hidden_size: int = 128
    """Hidden units per layer; the growth rate of a dense network; half the units of a reversible one."""
    num_layers: int = 6
    """Recurrences of a plain network; blocks of two in a residual or reversible one; ignored by a dense one."""
    dropout: float = 0.1
    """Dropout after each layer, with one mask for all time steps."""
    readout: Literal["last", "mean"] = "last"
    """Input of the classifier: the last time step, or the mean over time, which suits spikes."""
    block_config: list[int] = field(default_factory=lambda: [8, 6, 4])
    """Dense network: number of layers in each block."""
    first_width: int = 6
    """Dense network: hidden units of the first layer, as a multiple of the growth rate."""
    bottleneck_dropout: float | None = None
    """Dense network: dropout after the bottlenecks; defaults to a fraction of --dropout."""
    transition_dropout: float | None = None
    """Dense network: dropout after the transitions; defaults to a fraction of --dropout."""

    def check(self) -> None:
        super().check()
        self.expect_positive("hidden_size", "num_layers")
        self.expect("activity_target", lambda v: 0 <= v <= 1, "a number from 0 to 1")
        self.expect("activity_weight", lambda v: 0 <= v < math.inf, "a finite number, 0 or more")
        if self.model in PEERS and self.network != "plain":
            raise TaskError(f"--network is {self.network}, expected plain for --model {self.model}")
        if self.activity_weight and (self.model != "egru" or self.network == "reversible"):
            raise TaskError(
                f"--activity-weight needs --model egru and a --network other than reversible; they are "
                f"{self.model} and {self.network}"
            )
        for name in ("dropout", "bottleneck_dropout", "transition_dropout"):
            self.expect(name, lambda v: v is None or 0 <= v < 1, "a number of at least 0 and below 1")
        self.expect("block_config", lambda v: v and all(n > 0 for n in v), "numbers above 0")
        self.expect_positive("first_width")


def make_body(
    config: NetworkConfig,
    input_size: int,
    steps: int,
    shares: tuple[float, float],
    differences: bool | Literal["from_zero"] = False,
    **options: Any,
) -> Body:
    """Builds the recurrent part of a network, for sequences of `steps` time steps.

    Dense networks only: `shares`, the dropout after bottlenecks and transitions relative to --dropout; `differences`.
    """
    if config.model in PEERS:
        return PeerNetwork(config, input_size, config.hidden_size, config.num_layers, config.dropout)
    if options.get("norm") == "none":
        options["norm"] = None
    options |= {**recurrence_options(config, steps), "dropout": config.dropout, "norm_first": config.norm_first}
    if "longest_memory" in options and config.network in ("residual", "reversible"):
        if options.get("norm", "batch") is None:
            del options["longest_memory"]  # there is no bias that could set the memory
        else:
            options |= {"norm_first": True}  # the bias of the norm sets the memory
    if config.network == "dense":
        given = config.bottleneck_dropout, config.transition_dropout
        dropouts = [share * config.dropout if own is None else own for share, own in zip(shares, given, strict=True)]
        options |= {"bottleneck_dropout": dropouts[0], "transition_dropout": dropouts[1], "differences": differences}
        sizes = config.hidden_size, config.block_config, config.first_width
        return DenseNetwork(input_size, *sizes, **options)
    kinds: dict[str, Callable[..., Body]] = {
        "plain": PlainNetwork,
        "residual": ResidualNetwork,
        "reversible": ReversibleNetwork,
    }
    return kinds[config.network](input_size, config.hidden_size, config.num_layers, **options)


def read_out(config: NetworkConfig, output: Tensor, lengths: Tensor | None = None) -> Tensor:
    """Returns the classifier's input, (B, H), for a sequence (T, B, H) that is 0 past its length."""
    if config.readout == "last":
        return last_step(output, lengths)
    return output.mean(0) if lengths is None else output.sum(0) / lengths.clamp(min=1).unsqueeze(-1)


def activity_loss(config: NetworkConfig) -> Callable[[Sequence[Activity]], Tensor] | None:
    """Returns the loss term that pulls the events of an EGRU to the target, or None if its weight is 0."""
    if not config.activity_weight:
        return None
    return lambda activities: config.activity_weight * activity_penalty(activities, config.activity_target)


def make_classifier(input_size: int, classes: int) -> nn.Linear:
    """A `torch.nn.Linear` initialised as by Li et al.: kaiming_normal, and a bias of 0."""
    classifier = nn.Linear(input_size, classes)
    nn.init.kaiming_normal_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    return classifier
