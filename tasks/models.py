"""The recurrence of a task's network: its settings, and the network options that follow from them."""

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
    """Base class of the settings of tasks with a recurrent network."""

    model: str = "indrnn"
    """The recurrence: indrnn, irevrnn, mingru, minlstm, egru, sru, qrnn, indylstm, indygru, unicornn, rglru, hgrn, lru,
    lif, or a .cu file with your own, which is saved with the run; or, for comparison, torch's lstm and gru. Those with
    a gate that keeps the state are initialised with memories spread up to the sequence length."""
    model_text: tyro.conf.Suppress[dict[str, str]] = field(default_factory=dict)
    """The text of that file, by its path."""
    rev_len: int = 3
    """IRevRNN: number of sub-steps per time step."""
    stable: bool = False
    """IRevRNN: constrain the signs of the inner weights so that the states cannot grow."""
    zoneout: float = 0.0
    """EGRU: probability that a cell keeps its value."""
    pseudo_derivative_support: float = 1.0
    """EGRU: the surrogate gradient of an event is nonzero within 1 / pseudo_derivative_support of the threshold."""
    use_output_trace: bool = False
    """EGRU: layers output the smoothed events, which suits long sequences."""
    dt: float = 0.1
    """UnICORNN: maximum step size of the oscillators."""
    alpha: float = 1.0
    """UnICORNN: strength of the oscillators' restoring force."""
    norm_first: bool = False
    """Apply the norm before the recurrence."""
    magnitude: float = 5.0
    """IndRNN, IRevRNN: the recurrent weights are bounded by magnitude ** (1 / T), T the sequence length."""
    bound: float | None = None
    """IndRNN, IRevRNN: bound on the recurrent weights, instead of that from --magnitude."""
    last_long_memory: bool = True
    """IndRNN, IRevRNN: initialise the weights of the last recurrence near the bound, if it is above 1."""

    def check(self) -> None:
        super().check()
        if self.model.endswith(".cu"):
            self.model_text = self.model_text if self.model in self.model_text else {self.model: read_model(self.model)}
        else:
            self.model_text = {}
            names = {**RECURRENCES, **PEERS}
            self.expect("model", names.__contains__, f"one of {', '.join(names)}, or a .cu file")
        self.expect("rev_len", lambda v: 1 <= v <= MOST_SUB_STEPS, f"a number from 1 to {MOST_SUB_STEPS}")
        self.expect("zoneout", lambda v: 0 <= v < 1, "a number of at least 0 and below 1")
        self.expect("pseudo_derivative_support", lambda v: 0 < v <= 1e6, "a number above 0 and at most a million")
        self.expect("dt", lambda v: 0 < v <= 1, "a number above 0 and at most 1")
        self.expect("alpha", lambda v: 0 <= v <= 1000, "a number from 0 to 1000")
        self.expect("magnitude", lambda v: 1 <= v <= 1000, "a number from 1 to 1000")
        self.expect("bound", lambda v: v is None or 0 < v <= 1000, "a number above 0 and at most 1000")


class PeerNetwork(nn.Module):
    """torch.nn.LSTM or GRU, with the interface of this package's networks."""

    def __init__(self, config: ModelConfig, input_size: int, hidden_size: int, num_layers: int, dropout: float) -> None:
        super().__init__()
        self.rnn = PEERS[config.model](input_size, hidden_size, num_layers, dropout=dropout if num_layers > 1 else 0.0)
        self.output_size = hidden_size

    def forward(self, x: Tensor, state: Any = None, *, lengths: Tensor | None = None) -> tuple[Tensor, Any]:
        y, state = self.rnn(x, state)  # steps past a row's length do not affect those before it
        return zero_padding(y, lengths), state

    def step(self, x_t: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        y, state = self.rnn(x_t.unsqueeze(0), state)
        return y.squeeze(0), state


def recurrence_options(config: ModelConfig, steps: int) -> Mapping[str, Any]:
    """Returns the network options that select its recurrence, for sequences of `steps` time steps."""
    if config.model_text:
        return {"recurrence": own_model(config.model, config.model_text[config.model])}
    options: dict[str, Any] = {"recurrence": RECURRENCES[config.model]}
    if config.model in ("indrnn", "irevrnn"):
        bound = config.magnitude ** (1 / steps) if config.bound is None else config.bound
        options |= {"bound": bound, "clamp": config.bound_by == "clamp"}
        options |= {} if config.last_long_memory else {"long_memory": False}
    elif config.model == "rglru":
        options |= {"decay_range": (0.9, max(0.999, 1 - 1 / steps))}
    elif config.model == "lru":  # a ring near 1, as slowly rotating units remember; without an activation it is linear
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
