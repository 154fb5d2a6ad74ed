"""The recurrence of a task's network: its settings, and the options that go with it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import tyro
from torch import Tensor, nn

import indrnn_cupy
from indrnn_cupy.functional.irevrnn import MOST_SUB_STEPS
from indrnn_cupy.layers.padding import zero_padding

from .config import TrainingConfig
from .own_model import own_model, read_model

NAMES = (
    *("IndRNN", "IRevRNN", "MinGRU", "MinLSTM", "EGRU", "SRU", "QRNN", "IndyLSTM", "IndyGRU", "UnICORNN", "RGLRU"),
    *("HGRN", "LRU", "LIF"),
)
RECURRENCES: dict[str, type[nn.Module]] = {n.lower(): getattr(indrnn_cupy, f"{n}Recurrence") for n in NAMES}
PEERS = {"lstm": nn.LSTM, "gru": nn.GRU}


@dataclass
class ModelConfig(TrainingConfig):
    """What the settings of a task with a recurrent network go on with."""

    model: str = "indrnn"
    """The recurrence: indrnn, irevrnn, mingru, minlstm, egru, sru, qrnn, indylstm, indygru, unicornn, rglru, hgrn, lru,
    lif, or the .cu file of one of your own, which the run keeps; or, to compare, lstm and gru of torch. Those with a
    gate that keeps the state begin with memories spread up to the length of a sequence."""
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
    use_output_trace: bool = False
    """Of egru: layers hand on the smoothed events, which suits long sequences."""
    dt: float = 0.1
    """Of unicornn: the largest step size of its oscillators."""
    alpha: float = 1.0
    """Of unicornn: the force that draws an oscillator back."""
    norm_first: bool = False
    """The norm comes before the recurrence."""
    magnitude: float = 5.0
    """Recurrent weights of indrnn and irevrnn are held within magnitude ** (1 / T), T the steps of a sequence."""
    bound: float | None = None
    """They are held within this instead."""
    last_long_memory: bool = True
    """The last recurrence of indrnn or irevrnn begins with weights near the bound, if that is above 1."""

    def check(self) -> None:
        super().check()
        if self.model.endswith(".cu"):
            self.model_text = self.model_text if self.model in self.model_text else {self.model: read_model(self.model)}
        else:
            self.model_text = {}
            names = {**RECURRENCES, **PEERS}
            self.expect("model", names.__contains__, f"one of {', '.join(names)}, or a .cu file")
        self.expect("rev_len", lambda v: 1 <= v <= MOST_SUB_STEPS, f"a number from 1 to {MOST_SUB_STEPS}")
        self.expect("zoneout", lambda v: 0 <= v < 1, "a number from 0 to below 1")
        self.expect("pseudo_derivative_support", lambda v: 0 < v <= 1e6, "a number above 0, at most a million")
        self.expect("dt", lambda v: 0 < v <= 1, "a number above 0, at most 1")
        self.expect("alpha", lambda v: 0 <= v <= 1000, "a number from 0 to 1000")
        self.expect("magnitude", lambda v: 1 <= v <= 1000, "a number from 1 to 1000")
        self.expect("bound", lambda v: v is None or 0 < v <= 1000, "a number above 0, at most 1000")


class PeerNetwork(nn.Module):
    """torch.nn.LSTM or GRU, called as the networks of this package are."""

    def __init__(self, config: ModelConfig, input_size: int, hidden_size: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.rnn = PEERS[config.model](input_size, hidden_size, num_layers, dropout=dropout if num_layers > 1 else 0.0)
        self.output_size = hidden_size

    def forward(self, x: Tensor, state: Any = None, *, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        y, state = self.rnn(x, state)  # what comes after a row's length reaches nothing before it
        return zero_padding(y, lengths), state

    def step(self, x_t: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = self.rnn(x_t.unsqueeze(0), state)
        return y.squeeze(0), state


def recurrence_options(config: ModelConfig, steps: int) -> Mapping[str, Any]:
    """The options of a network that choose its recurrence, for sequences of so many steps."""
    if config.model_text:
        return {"recurrence": own_model(config.model, config.model_text[config.model])}
    options: dict[str, Any] = {"recurrence": RECURRENCES[config.model]}
    if config.model in ("indrnn", "irevrnn"):
        bound = config.magnitude ** (1 / steps) if config.bound is None else config.bound
        options |= {"bound": bound, "clamp": config.bound_by == "clamp"}
        options |= {} if config.last_long_memory else {"long_memory": False}
    elif config.model == "rglru":
        options |= {"decay_range": (0.9, max(0.999, 1 - 1 / steps))}
    elif config.model == "lru":  # a ring near 1, as units that turn slowly remember; without an activation it is linear
        options |= {"radius_range": (1 - 8 / max(9, steps), 1 - 1 / max(9, steps)), "largest_angle": math.pi / 10}
        options |= {"activation": "relu"}
    elif config.model == "unicornn":
        options |= {"dt": config.dt, "alpha": config.alpha}
    elif config.model == "lif":
        options |= {"tau": max(2, steps / 8), "learned_decay": True}
    else:
        options |= {"longest_memory": max(2, steps)}
    if config.model == "egru":
        options |= {"zoneout": config.zoneout, "pseudo_derivative_support": config.pseudo_derivative_support}
        options |= {"use_output_trace": config.use_output_trace}
    if config.model == "irevrnn":
        options |= {"rev_len": config.rev_len, "stable": config.stable}
    return options
