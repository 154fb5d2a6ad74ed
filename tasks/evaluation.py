"""Evaluation: the loss and metric of a data set, and the batch norm statistics that are used for it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader, Subset

from indrnn_cupy import EGRURecurrence, record_activity
from indrnn_cupy.layers.activity import SHARES

from . import confusion
from .carried import Carried, Carrying
from .checkpoint import load
from .config import TaskError, TrainingConfig
from .distributed import broadcast, processes, rank, total, world_size
from .samples import apart, share_of_batch
from .scores import write_scores
from .task import Samples, Task

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
NORM_SAMPLES = 1000


def autocast(config: TrainingConfig, device: torch.device) -> torch.autocast:
    return torch.autocast(device.type, TYPES[config.precision], enabled=config.precision != "fp32")


def estimate_norms(task: Task, config: TrainingConfig, device: torch.device) -> None:
    """Sets the statistics of batch norm to their mean over some samples: a running mean lags behind a recurrence.

    Samples are drawn at random; streams are read from their beginning, as their statistics depend on the carried state.
    """
    if any(isinstance(module, _BatchNorm) for module in task.model.modules()):
        count = min(NORM_SAMPLES, len(task.training))
        drawn = torch.randperm(len(task.training), generator=torch.Generator().manual_seed(config.seed))[:count]
        chosen = range(count) if task.streams else drawn.tolist()
        loader = DataLoader(Subset(task.training, chosen), min(config.batch_size, count), drop_last=True)
        update_bn(loader, Carrying(task), device)
        broadcast(task.model)


def has_events(model: nn.Module) -> bool:
    return any(isinstance(module, EGRURecurrence) for module in model.modules())


class Evaluation(NamedTuple):
    """The mean loss and metric of a data set, and its confusion matrix.

    `kept`: the outputs and targets of all samples in order, if requested.
    """

    values: dict[str, float]
    confusion: Tensor | None
    kept: tuple[Tensor, Tensor] | None = None


@torch.no_grad()
def evaluate(
    model: nn.Module,
    task: Task,
    dataset: Samples,
    config: TrainingConfig,
    device: torch.device,
    keep: bool = False,
) -> Evaluation:
    """Evaluates a data set, each sample once, regardless of the number of processes."""
    training = model.training
    model.eval()
    mine = Subset(dataset, range(rank(), len(dataset), world_size()))
    sums = torch.zeros(3, dtype=torch.float64)
    shares = dict.fromkeys(SHARES if has_events(model) else (), 0.0)  # the same names in every process
    counts = torch.zeros(len(task.classes or ()), len(task.classes or ()), dtype=torch.float64)
    size = share_of_batch(config) if task.streams else config.batch_size  # the rows that continue from batch to batch
    carried = Carried(task)
    kept: list[tuple[Tensor, Tensor]] = []
    for inputs, targets in DataLoader(mine, size, num_workers=config.workers, worker_init_fn=apart):
        with record_activity(model) as activities:
            outputs, targets = carried.run(model, inputs.to(device)).float(), targets.to(device)
        for activity in activities:
            for name, share in activity.means().items():
                shares[name] += share.item() * len(targets) / len(activities)
        loss, score = task.loss(outputs, targets) * len(targets), task.score(outputs, targets).sum()
        sums += torch.stack((loss.double().cpu(), score.double().cpu(), torch.tensor(len(targets)).double()))
        if keep:
            kept.append((outputs.cpu(), targets.cpu()))
        if task.classes:
            counts += confusion.count(outputs, targets, len(task.classes))
    of_events = total(torch.tensor(list(shares.values()), dtype=torch.float64)).tolist()
    loss, score, count = total(sums).tolist()
    model.train(training)
    values = {"loss": loss / count, task.metric: score / count}
    values |= {name: share / count for name, share in zip(shares, of_events, strict=True)}
    whole = [in_order(torch.cat(parts), len(dataset)) for parts in zip(*kept, strict=True)]
    return Evaluation(values, total(counts) if task.classes else None, (whole[0], whole[1]) if keep else None)


def in_order(mine: Tensor, count: int) -> Tensor:
    """Returns all `count` rows in order, of which process r of n has rows r, r + n, r + 2 n, ..."""
    whole = mine.new_zeros(count, *mine.shape[1:])
    whole[rank() :: world_size()] = mine
    return total(whole)


def evaluate_checkpoint(
    config: TrainingConfig,
    make_task: Callable[[Any], Task],
    path: Path,
    saved: dict[str, Any],
    scores: Path | None = None,
) -> tuple[dict[str, float], int]:
    """Returns the loss and metric of a checkpoint on the test set, and the number of test samples; writes scores."""
    with processes(config.device) as device:
        if scores and (not scores.name or not scores.parent.is_dir()):
            raise TaskError(
                f"--scores {scores} cannot be written: {scores.parent} is not a folder, or there is no name"
            )
        task = make_task(config)
        if scores and not task.classes:
            raise TaskError(f"--scores writes scores of classes, which {config.task} with these settings has not")
        load(path, {"model": task.model}, saved)
        with autocast(config, device):
            measured = evaluate(task.model.to(device), task, task.test, config, device, scores is not None)
        if measured.kept and scores and rank() == 0:
            write_scores(scores, *measured.kept, task.names or [str(number) for number in range(len(task.test))])
        return measured.values, len(task.test)
