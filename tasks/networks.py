"""What the classification tasks share: the settings of their networks, a body, and a classifier."""

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
    """One mask for all time steps, after each layer."""
    readout: Literal["last", "mean"] = "last"
    """What a classifier reads: the last step, or the mean of all, which suits spikes."""
    block_config: list[int] = field(default_factory=lambda: [8, 6, 4])
    """Of a dense network: the layers of each block."""
    first_width: int = 6
    """Of a dense network: units of its first layer, in growth rates."""
    bottleneck_dropout: float | None = None
    """Of a dense network: after the bottlenecks; by default a share of --dropout."""
    transition_dropout: float | None = None
    """Of a dense network: after the transitions; by default a share of --dropout."""

    def check(self) -> None:
        super().check()
        self.expect_positive("hidden_size", "num_layers")
        self.expect("activity_target", lambda v: 0 <= v <= 1, "a number from 0 to 1")
        self.expect("activity_weight", lambda v: 0 <= v < math.inf, "a number, 0 or above")
        if self.model in PEERS and self.network != "plain":
            raise TaskError(f"--model {self.model} has one network, plain; --network is {self.network}")
        if self.activity_weight and (self.model != "egru" or self.network == "reversible"):
            raise TaskError(
                f"--activity-weight needs --model egru, and a --network that is not reversible; they are "
                f"{self.model} and {self.network}"
            )
        for name in ("dropout", "bottleneck_dropout", "transition_dropout"):
            self.expect(name, lambda v: v is None or 0 <= v < 1, "a number from 0 to below 1")
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
    """The recurrent part of a network, for sequences of so many steps.

    `shares`: in a dense network, of the dropout, after bottlenecks and transitions; `differences`: of a dense one.
    """
    if config.model in PEERS:
        return PeerNetwork(config, input_size, config.hidden_size, config.num_layers, config.dropout)
    if options.get("norm") == "none":
        options["norm"] = None
    options |= {**recurrence_options(config, steps), "dropout": config.dropout, "norm_first": config.norm_first}
    if "longest_memory" in options and config.network in ("residual", "reversible"):
        options |= {"norm_first": True}  # whose bias sets the memory
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
    """What the classifier sees of a sequence, (T, B, H), which is 0 past its length: (B, H)."""
    if config.readout == "last":
        return last_step(output, lengths)
    return output.mean(0) if lengths is None else output.sum(0) / lengths.clamp(min=1).unsqueeze(-1)


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
