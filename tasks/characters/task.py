"""A language model of characters: the network, its settings, and the task as the training loop takes it."""

import math
from dataclasses import dataclass
from typing import Any, Literal

import torch
import tyro
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from ..networks import NetworkConfig, activity_loss, make_body
from ..task import Task
from .text import Streams, Symbols, parts, read


@dataclass
class Config(NetworkConfig):
    task = "characters"

    text: str | None = None
    """The text, any file; without it, the help topics that Python carries. The first 90 % are for training, then 5 %
    for validation and 5 % for the test."""
    vocabulary: Literal["characters", "bytes"] = "characters"
    """The characters of the text, which is UTF-8 then, or all 256 bytes."""
    alphabet: tyro.conf.Suppress[str | None] = None
    """The characters of the text that was trained on."""
    window: int = 128
    """Steps through which gradients go; the state goes on from window to window."""
    embedding_size: int = 64
    """Numbers for each symbol."""
    tie_weights: bool = False
    """Let the output read with the numbers of the symbols, as they are embedded."""
    norm: Literal["batch", "layer", "none"] = "batch"
    """Batch norm over the window and the batch, layer norm, or none."""
    norm_first: bool = True
    """The norm comes before the recurrence, so that the state which goes on does not depend on statistics."""
    bound: float | None = 0.99
    """Recurrent weights of indrnn and irevrnn are held within this: above 1 a state that goes on would grow forever."""
    last_long_memory: bool = False
    """The last recurrence of indrnn or irevrnn begins with weights near the bound."""

    def check(self) -> None:
        super().check()
        self.expect_positive("window", "embedding_size")


class CharacterNetwork(nn.Module):
    """Embedding, recurrences, output: numbers of symbols (B, T) and a state to logits (B, T, symbols) and a state."""

    def __init__(self, config: Config, symbols: int) -> None:
        super().__init__()
        self.embedding = nn.Embedding(symbols, config.embedding_size)
        self.body = make_body(config, config.embedding_size, config.window, (1 / 2, 1 / 2), norm=config.norm)
        tied, width = config.tie_weights, self.body.output_size
        self.between = nn.Linear(width, config.embedding_size) if tied and width != config.embedding_size else None
        self.output = nn.Linear(config.embedding_size if tied else width, symbols)
        if tied:
            nn.init.normal_(self.embedding.weight, std=config.embedding_size**-0.5)
            self.output.weight = self.embedding.weight

    def forward(self, symbols: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        output, state = self.body(self.embedding(symbols.t()), state)
        return self._read(output).transpose(0, 1), state

    def step(self, symbol: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One symbol of each row, (B,), to the logits of the next, (B, symbols), and the state."""
        output, state = self.body.step(self.embedding(symbol), state)
        return self._read(output), state

    def _read(self, output: Tensor) -> Tensor:
        return self.output(output if self.between is None else self.between(output))


class SteppedNetwork(CharacterNetwork):
    """The same network, which reads one symbol after the other."""

    def forward(self, symbols: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        logits = []
        for symbol in symbols.t():
            expected, state = self.step(symbol, state)
            logits.append(expected)
        return torch.stack(logits, 1), state


def bits(logits: Tensor, targets: Tensor) -> Tensor:
    """Bits for each symbol, the mean of each row: (B, T, symbols) and (B, T) to (B,)."""
    return cross_entropy(logits.transpose(1, 2), targets, reduction="none").mean(1) / math.log(2)


def make_task(config: Config, network: type[CharacterNetwork] = CharacterNetwork) -> Task:
    name, content = config.text or "the embedded text", read(config.text)
    symbols = Symbols.of(content, config.vocabulary, name) if config.alphabet is None else Symbols(config.alphabet)
    config.alphabet = symbols.alphabet
    training, validation, test = (
        Streams(numbers, config.batch_size, config.window, part)
        for part, numbers in parts(symbols.encode(content, name)).items()
    )
    return Task(
        network(config, len(symbols)),
        training,
        validation,
        test,
        loss=lambda logits, targets: cross_entropy(logits.flatten(0, 1), targets.flatten()),
        score=bits,
        metric="bits",
        better="min",
        activity_loss=activity_loss(config),
        streams=True,
    )
