"""Your own time series: the network, its settings, and the task for the training loop."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
import tyro
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from torch.utils.data import TensorDataset

from ..config import TaskError
from ..networks import NetworkConfig, activity_loss, make_body, make_classifier, read_out
from ..task import Task
from .csv_folder import read_csv_folder
from .examples import read_example
from .npz import read_npz
from .series import SeriesSet
from .ts import read_ts


@dataclass
class Config(NetworkConfig):
    task = "sequences"

    data: Annotated[str | None, tyro.conf.arg(aliases=["--data-path"])] = None
    """An .npz file, a folder of CSV files with labels.csv, or .ts files; defaults to --example."""
    example: Literal["digits", "digit-rows", "japanese-vowels"] = "digits"
    """Data set to use without --data: digits of 8 x 8 pixels (scikit-learn), pixel by pixel or row by row; or speakers
    identified by a vowel (aeon), 12 channels, 7 to 29 time steps."""
    regression: bool = False
    """The targets are numbers instead of classes."""
    test_share: float = 0.2
    """Fraction of the series, or of their groups, to hold out for testing, if there are no test series."""
    validation_share: float = 0.1
    """Fraction of the training series, or of their groups, to hold out for validation, if none are given."""
    norm: Literal["batch", "layer", "none"] = "batch"
    """Batch norm over the sequence, layer norm, or none."""

    def check(self) -> None:
        super().check()
        for name in ("test_share", "validation_share"):
            self.expect(name, lambda v: 0 < v < 1, "a number between 0 and 1")


class SeriesNetwork(nn.Module):
    """Maps series (B, T, 1 + C), a mask of valid steps and C channels, to logits (B, classes) or numbers (B,).

    Channels and regression targets are standardised by the means and standard deviations of the training set.
    """

    mean: Tensor
    deviation: Tensor
    target: Tensor

    def __init__(self, config: Config, training: "Part", classes: int | None) -> None:
        super().__init__()
        self.config, self.classes = config, classes
        steps = training.x[..., 0] > 0
        values = training.x[..., 1:][steps].double()
        self.register_buffer("mean", values.mean(0).float())
        self.register_buffer("deviation", values.std(0, correction=0).float().clamp(min=1e-6))
        y = training.y.double() if classes is None else torch.zeros(1).double()
        self.register_buffer("target", torch.stack((y.mean(), y.std(correction=0).clamp(min=1e-6))).float())
        channels, length = values.shape[1], training.x.shape[1]
        self.body = make_body(config, channels, length, (1 / 2, 1 / 2), norm=config.norm)
        self.answer = make_classifier(self.body.output_size, classes or 1)

    def forward(self, series: Tensor) -> Tensor:
        there, values = series[..., 0], series[..., 1:]
        lengths = there.sum(1).long()
        x = (values - self.mean) / self.deviation * there.unsqueeze(-1)
        output, _ = self.body(x.transpose(0, 1), lengths=lengths)
        answer = self.answer(read_out(self.config, output, lengths))
        if self.classes is not None:
            return answer
        mean, deviation = self.target.unbind()
        return answer.squeeze(-1) * deviation + mean


class Part(TensorDataset):
    """The series of one split, in the network's input format, and their targets."""

    def __init__(self, series: SeriesSet, chosen: np.ndarray) -> None:
        lengths = series.lengths[chosen]
        there = torch.arange(series.x.shape[1]) < lengths.unsqueeze(1)
        self.x = torch.cat((there.unsqueeze(-1).float(), series.x[chosen]), -1)
        self.y = series.y[chosen]
        super().__init__(self.x, self.y)


def read(config: Config) -> SeriesSet:
    """Reads the data set given by the settings."""
    if config.data is None:
        return read_example(config.example)
    path = Path(config.data)
    if path.suffix == ".npz":
        return read_npz(path, config.regression)
    if path.suffix == ".ts" or (path.is_dir() and any(path.glob("*.ts"))):
        return read_ts(path, config.regression)
    if path.is_dir():
        return read_csv_folder(path, config.regression)
    raise TaskError(f"--data is {path}, expected an .npz file, a folder of CSV files, or .ts files")


def hold_out(series: SeriesSet, among: np.ndarray, share: float, generator: np.random.Generator) -> np.ndarray:
    """Selects a random fraction of these series, by whole groups if there are any."""
    units = among if series.group is None else np.unique(series.group[among])
    chosen = generator.permutation(units)[: max(1, math.ceil(share * len(units)))]
    return chosen if series.group is None else among[np.isin(series.group[among], chosen)]


def splits(series: SeriesSet, config: Config) -> tuple[Part, Part, Part]:
    """Returns the training, validation and test sets, as given in the data set, or drawn with the seed."""
    generator = np.random.default_rng(config.seed)
    everything = np.arange(len(series.y))
    test, validation = (everything[series.split == name] for name in ("test", "validation"))
    left = np.setdiff1d(everything, np.union1d(test, validation))
    if not len(test):
        test = hold_out(series, left, config.test_share, generator)
        left = np.setdiff1d(left, test)
    if not len(validation) and len(left):
        validation = hold_out(series, left, config.validation_share, generator)
        left = np.setdiff1d(left, validation)
    if not len(left):
        raise TaskError(f"{len(test)} of {len(everything)} series are for testing, and none are left for training")
    return Part(series, left), Part(series, validation), Part(series, test)


def make_task(config: Config) -> Task:
    series = read(config)
    training, validation, test = splits(series, config)
    network = SeriesNetwork(config, training, None if series.classes is None else len(series.classes))
    if series.classes is None:
        deviation = network.target[1].item()
        return Task(
            *(network, training, validation, test),
            loss=lambda outputs, targets: ((outputs - targets) / deviation).square().mean(),
            score=lambda outputs, targets: (outputs - targets).square(),
            metric="mse",
            better="min",
            baseline=(test.y - training.y.mean()).square().mean().item(),
            activity_loss=activity_loss(config),
        )
    return Task(
        *(network, training, validation, test),
        loss=cross_entropy,
        score=lambda outputs, targets: (outputs.argmax(1) == targets).float(),
        metric="accuracy",
        better="max",
        activity_loss=activity_loss(config),
        classes=series.classes,
    )
