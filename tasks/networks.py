"""What the classification tasks share: the settings of their networks, a body, and a classifier."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import tyro
from torch import Tensor, nn

from indrnn_cupy import (
    Activity,
    DenseNetwork,
    EGRURecurrence,
    IndRNNRecurrence,
    IRevRNNRecurrence,
    MinGRURecurrence,
    MinLSTMRecurrence,
    PlainNetwork,
    ResidualNetwork,
    ReversibleNetwork,
    activity_penalty,
)

from .config import TaskError, TrainingConfig
from .own_model import own_model, read_model

Body: TypeAlias = PlainNetwork | ResidualNetwork | DenseNetwork | ReversibleNetwork
RECURRENCES: dict[str, type[nn.Module]] = {
    "indrnn": IndRNNRecurrence,
    "irevrnn": IRevRNNRecurrence,
    "mingru": MinGRURecurrence,
    "minlstm": MinLSTMRecurrence,
    "egru": EGRURecurrence,
}


@dataclass
class NetworkConfig(TrainingConfig):
    """What the settings of a classification task go on with."""

    model: str = "indrnn"
    """The recurrence: indrnn, irevrnn, mingru, minlstm, egru, or the .cu file of one of your own, which the run keeps.
    minGRU, minLSTM and EGRU begin with memories spread up to the length of a sequence."""
    model_text: tyro.conf.Suppress[dict[str, str]] = field(default_factory=dict)
    """The text of that file, by its name."""
    rev_len: int = 3
    """Sub-steps of irevrnn in each step."""
    stable: bool = False
    """Hold the inner weights of irevrnn to signs with which its states cannot grow."""
    zoneout: float = 0.0
    """Of egru: probability with which a cell stays as it was."""
    pseudo_derivative_support: float = 1.0
    """Of egru: an event has a slope in backward within 1 over this of its threshold."""
    activity_target: float = 0.05
    """The share of units with an event to which the loss draws an EGRU."""
    activity_weight: float = 0.0
    """Weight of the squared distance from that share in the loss, 100 or so."""
    use_output_trace: bool = False
    """Of egru: layers hand on the smoothed events, which suits long sequences."""
    network: Literal["plain", "residual", "dense", "reversible"] = "plain"
    """How layers are put together. A reversible network holds the sequences of one layer for backward, however deep."""
    hidden_size: int = 128
    """Units of each layer; the growth rate of a dense network; half the units of a reversible one."""
    num_layers: int = 6
    """Recurrences of a plain network, blocks of two of a residual or reversible one; no choice of a dense one."""
    dropout: float = 0.1
    """One mask for all time steps, after each layer; in a dense network less in bottlenecks and transitions."""
    magnitude: float = 5.0
    """Recurrent weights of indrnn and irevrnn are held within magnitude ** (1 / T), T the steps of a sequence."""

    def check(self) -> None:
        super().check()
        self.expect_positive("hidden_size", "num_layers")
        if self.model.endswith(".cu"):
            self.model_text = self.model_text if self.model in self.model_text else {self.model: read_model(self.model)}
        else:
            self.model_text = {}
            self.expect("model", RECURRENCES.__contains__, f"one of {', '.join(RECURRENCES)}, or a .cu file")
        self.expect("rev_len", lambda v: 1 <= v <= 8, "a number from 1 to 8")
        self.expect("activity_target", lambda v: 0 <= v <= 1, "a number from 0 to 1")
        self.expect("activity_weight", lambda v: 0 <= v < math.inf, "a number, 0 or above")
        if self.activity_weight and (self.model != "egru" or self.network == "reversible"):
            raise TaskError(
                f"--activity-weight needs --model egru, and a --network that is not reversible; they are "
                f"{self.model} and {self.network}"
            )
        self.expect("zoneout", lambda v: 0 <= v < 1, "a number from 0 to below 1")
        self.expect("pseudo_derivative_support", lambda v: 0 < v <= 1e6, "a number above 0, at most a million")
        self.expect("dropout", lambda v: 0 <= v < 1, "a number from 0 to below 1")
        self.expect("magnitude", lambda v: 1.01 <= v <= 1000, "a number from 1.01 to 1000")


def make_body(config: NetworkConfig, input_size: int, steps: int, dense: Mapping[str, Any], **options: Any) -> Body:
    """The recurrent part of a network, for sequences of so many steps; `dense`: options of a dense one alone."""
    own = own_model(config.model, config.model_text[config.model]) if config.model_text else None
    options |= {"recurrence": own or RECURRENCES[config.model], "dropout": config.dropout}
    if config.model in ("mingru", "minlstm", "egru"):
        options |= {"longest_memory": max(2, steps)}
        if config.network in ("residual", "reversible"):
            options |= {"norm_first": True}  # whose bias sets the memory
    elif not own:
        options |= {"bound": config.magnitude ** (1 / steps), "clamp": config.bound_by == "clamp"}
    if config.model == "egru":
        options |= {"zoneout": config.zoneout, "pseudo_derivative_support": config.pseudo_derivative_support}
        options |= {"use_output_trace": config.use_output_trace}
    if config.model == "irevrnn":
        options |= {"rev_len": config.rev_len, "stable": config.stable}
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
