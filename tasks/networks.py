"""What the networks of the classification tasks share: a plain, residual or dense body, and a classifier."""

from collections.abc import Mapping
from typing import Any, Literal, Protocol

from torch import nn

from indrnn_cupy import DenseNetwork, PlainNetwork, ResidualNetwork

Body = PlainNetwork | ResidualNetwork | DenseNetwork


class NetworkConfig(Protocol):
    """The settings that a body is made from."""

    network: Literal["plain", "residual", "dense"]
    hidden_size: int
    num_layers: int
    dropout: float
    magnitude: float
    bound_by: Literal["projection", "clamp", "penalty"]


def make_body(config: NetworkConfig, input_size: int, steps: int, dense: Mapping[str, Any], **options: Any) -> Body:
    """The recurrent part of a network, for sequences of so many steps; `dense`: options of a dense one alone."""
    options |= {
        "bound": config.magnitude ** (1 / steps),
        "clamp": config.bound_by == "clamp",
        "dropout": config.dropout,
    }
    if config.network == "dense":
        return DenseNetwork(input_size, config.hidden_size, **dense, **options)
    kind = PlainNetwork if config.network == "plain" else ResidualNetwork
    return kind(input_size, config.hidden_size, config.num_layers, **options)


def make_classifier(input_size: int, classes: int) -> nn.Linear:
    """A `torch.nn.Linear` with the initial values of Li et al.: kaiming_normal, and no bias."""
    classifier = nn.Linear(input_size, classes)
    nn.init.kaiming_normal_(classifier.weight)
    nn.init.zeros_(classifier.bias)
    return classifier
