"""The adding problem: generated sequences, the network, and the task for the training loop."""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.utils.data import Dataset

from indrnn_cupy import PlainNetwork, last_step

from ..models import PEERS, ModelConfig, PeerNetwork, recurrence_options
from ..task import Task

BASELINE = 1 / 6  # the variance of the sum of two numbers from U(0, 1)


@dataclass
class Config(ModelConfig):
    task = "adding_problem"

    length: int = 1000
    """T, the sequence length in time steps."""
    hidden_size: int = 128
    num_layers: int = 2
    norm: Literal["batch", "layer", "none"] = "batch"
    """Norm after each recurrence: batch norm over the sequence, layer norm, or none."""
    magnitude: float = 2.0
    """IndRNN, IRevRNN: the recurrent weights are bounded by magnitude ** (1 / length)."""
    test_size: int = 5000
    """Number of test sequences; a fifth as many are used for validation."""

    def check(self) -> None:
        super().check()
        self.expect("length", lambda v: v >= 2, "at least 2")
        self.expect_positive("hidden_size", "num_layers")
        self.expect("test_size", lambda v: v >= 5, "at least 5")


class AddingSequences(Dataset):
    """Sequences (T, 2): numbers from U(0, 1), and a mark on one in each half; the target is the sum of the marked ones.

    Each sequence is generated from the seed, the part ("train", "validation" or "test", as a number) and its index.
    Reference: Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997.
    """

    def __init__(self, length: int, size: int, seed: int, part: int) -> None:
        self.length, self.size, self.seed, self.part = length, size, seed, part

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Tensor, Tensor]:
        if not 0 <= index < self.size:
            raise IndexError(index)
        generator = torch.Generator().manual_seed(hash((self.seed, self.part, index)))
        half = self.length // 2
        marked = [
            int(torch.randint(0, half, (), generator=generator)),
            int(torch.randint(half, self.length, (), generator=generator)),
        ]
        sequence = torch.zeros(self.length, 2)
        sequence[:, 0].uniform_(generator=generator)
        sequence[marked, 1] = 1
        return sequence, sequence[marked, 0].sum()


class AddingNetwork(nn.Module):
    """Maps sequences (B, T, 2) to the predicted sums (B,), from the last time step."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        sizes = 2, config.hidden_size, config.num_layers
        self.body: PlainNetwork | PeerNetwork
        if config.model in PEERS:
            self.body = PeerNetwork(config, *sizes, dropout=0.0)
        else:
            norm = None if config.norm == "none" else config.norm
            options = recurrence_options(config, config.length)
            self.body = PlainNetwork(*sizes, norm=norm, norm_first=config.norm_first, **options)
        self.output = nn.Linear(self.body.output_size, 1)

    def forward(self, sequences: Tensor) -> Tensor:
        output, _ = self.body(sequences.transpose(0, 1))
        return self.output(last_step(output)).squeeze(-1)


def make_task(config: Config) -> Task:
    sizes = (config.steps * config.batch_size, config.test_size // 5, config.test_size)
    training, validation, test = (
        AddingSequences(config.length, size, config.seed, part) for part, size in enumerate(sizes)
    )
    return Task(
        AddingNetwork(config),
        training,
        validation,
        test,
        loss=mse_loss,
        score=lambda outputs, targets: (outputs - targets).square(),
        metric="mse",
        better="min",
        baseline=BASELINE,
    )
