"""A character-level language model: the network, its settings, and the task for the training loop."""

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
    """File with the text; defaults to the help topics that come with Python. The first 90 % are used for training, the
    next 5 % for validation and the last 5 % for testing."""
    vocabulary: Literal["characters", "bytes"] = "characters"
    """The characters of the text, which must be UTF-8, or all 256 bytes."""
    alphabet: tyro.conf.Suppress[str | None] = None
    """The characters of the text that the model was trained on."""
    window: int = 128
    """Time steps of truncated backpropagation through time; the state is carried from window to window."""
    embedding_size: int = 64
    """Size of the embedding of each symbol."""
    context: int = 1
    """Number of most recent symbols that the first layer reads at each time step, as a causal convolution does."""
    tie_weights: bool = False
    """Share the weights of the embedding and the output layer."""
    norm: Literal["batch", "layer", "none"] = "batch"
    """Batch norm over the window and the batch, layer norm, or none."""
    norm_first: bool = True
    """Batch norm comes before the recurrence, as in the language models of Li et al."""
    bound: float | None = 0.99
    """IndRNN, IRevRNN: bound on the recurrent weights; above 1, the carried state would grow without limit."""
    last_long_memory: bool = False
    """IndRNN, IRevRNN: initialise the weights of the last recurrence near the bound."""

    def check(self) -> None:
        super().check()
        self.expect_positive("window", "embedding_size", "context")


class CharacterNetwork(nn.Module):
    """Embedding, recurrences, output layer: symbol indices (B, T) and a state to logits (B, T, symbols) and a state.

    The state is a pair: the embeddings of the last `context - 1` symbols, and the state of the recurrences.
    """

    def __init__(self, config: Config, symbols: int) -> None:
        super().__init__()
        self.context = config.context
        self.embedding = nn.Embedding(symbols, config.embedding_size)
        width = config.context * config.embedding_size
        self.body = make_body(config, width, config.window, (1 / 2, 1 / 2), norm=config.norm)
        tied, width = config.tie_weights, self.body.output_size
        self.between = nn.Linear(width, config.embedding_size) if tied and width != config.embedding_size else None
        self.output = nn.Linear(config.embedding_size if tied else width, symbols)
        if tied:
            nn.init.normal_(self.embedding.weight, std=config.embedding_size**-0.5)
            self.output.weight = self.embedding.weight

    def forward(self, symbols: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        x, recent, state = self._embed(symbols.t(), state)
        output, state = self.body(x, state)
        return self._read(output).transpose(0, 1), (recent, state)

    def step(self, symbol: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """Maps one symbol per row, (B,), and a state to the logits of the next, (B, symbols), and the new state."""
        x, recent, state = self._embed(symbol.unsqueeze(0), state)
        output, state = self.body.step(x.squeeze(0), state)
        return self._read(output), (recent, state)

    def _embed(self, symbols: Tensor, state: Any) -> tuple[Tensor, Tensor, Any]:
        """The input of the recurrences, (T, B, context * embedding_size), and both parts of the state."""
        embedded = self.embedding(symbols)
        recent, state = (embedded.new_zeros(self.context - 1, *embedded.shape[1:]), None) if state is None else state
        embedded = torch.cat((recent, embedded))
        return embedded.unfold(0, self.context, 1).flatten(2), embedded[len(symbols) :], state

    def _read(self, output: Tensor) -> Tensor:
        return self.output(output if self.between is None else self.between(output))


class SteppedNetwork(CharacterNetwork):
    """The same network, reading one symbol at a time."""

    def forward(self, symbols: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        logits = []
        for symbol in symbols.t():
            expected, state = self.step(symbol, state)
            logits.append(expected)
        return torch.stack(logits, 1), state


def bits(logits: Tensor, targets: Tensor) -> Tensor:
    """Bits per symbol, averaged over each row: (B, T, symbols) and (B, T) to (B,)."""
    return cross_entropy(logits.transpose(1, 2), targets, reduction="none").mean(1) / math.log(2)


def make_task(config: Config, network: type[CharacterNetwork] = CharacterNetwork) -> Task:
    name, content = config.text or "the built-in text", read(config.text)
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
