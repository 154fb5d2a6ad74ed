"""The training loop of every task."""

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.nn.parallel import DistributedDataParallel
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau
from torch.optim.swa_utils import update_bn
from torch.utils.data import DataLoader, Dataset, Subset
from tqdm import tqdm

from indrnn_cupy import clamp_recurrent_, recurrent_penalty

from .config import TaskError, TrainingConfig
from .distributed import ResumableSampler, broadcast, processes, rank, total, world_size
from .interruption import Interruption, Stopped
from .run_folder import RunFolder, new_folder

TYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
NORM_SAMPLES = 1000


@dataclass
class Task:
    """What a task gives to the loop. Its data sets hold pairs (input, target)."""

    model: nn.Module
    training: Dataset
    validation: Dataset
    test: Dataset
    loss: Callable[[Tensor, Tensor], Tensor]
    """Of outputs and targets: the mean over the batch."""
    score: Callable[[Tensor, Tensor], Tensor]
    """Of outputs and targets: the metric of each sample, (B,)."""
    metric: str
    better: Literal["max", "min"]
    baseline: float | None = None
    """What the metric is without a memory; drawn beside it."""


def train(
    config: TrainingConfig,
    make_task: Callable[[Any], Task],
    folder: Path | None = None,
    saved: dict[str, Any] | None = None,
) -> tuple[dict[str, float], Path | None]:
    """Trains, and measures the best checkpoint on the test set; gives that, and the run's folder in the first process.

    `folder`, `saved`: of a run to go on with, and its last checkpoint.
    """
    with processes(config.device) as device, Interruption() as interruption:
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        task = make_task(config)
        model = task.model.to(device)
        parallel = DistributedDataParallel(model) if world_size() > 1 else model
        optimizer = make_optimizer(model, config)
        schedule = make_schedule(optimizer, config, task.better)
        scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
        autocast = torch.autocast(device.type, TYPES[config.precision], enabled=config.precision != "fp32")
        parts: dict[str, Any] = {"model": model, "optimizer": optimizer, "schedule": schedule, "scaler": scaler}
        progress: dict[str, Any] = {"step": 0, "seconds": 0.0, "best": None, "rows": []}
        sums = dict.fromkeys(("loss", task.metric, "samples"), 0.0)
        if saved:
            for name, part in parts.items():
                part.load_state_dict(saved[name])
            progress, sums = saved["progress"], saved["sums"]
        loader = training_loader(task.training, config)
        batches = endless(loader, progress["step"])
        run = None
        if rank() == 0:
            run = RunFolder(folder or new_folder(Path(config.runs), config.task, config.name))
            run.write_config(dataclasses.asdict(config))
        started = time.perf_counter() - progress["seconds"]

        def save(name: str, parts: dict[str, Any]) -> None:
            progress["seconds"] = time.perf_counter() - started
            kept = {"task": config.task, "config": dataclasses.asdict(config), "progress": progress, "sums": sums}
            if run:
                run.save(name, {**kept, **{key: part.state_dict() for key, part in parts.items()}})

        bar = tqdm(total=config.steps, initial=progress["step"], unit="step", dynamic_ncols=True, disable=rank() > 0)
        model.train()
        while progress["step"] < config.steps and not finished(optimizer, config):
            step = progress["step"] + 1
            torch.manual_seed(hash((config.seed, step, rank())))  # so that a resumed run drops the same units
            inputs, targets = (part.to(device, non_blocking=True) for part in next(batches))
            with autocast:
                outputs = parallel(inputs)
            loss = task.loss(outputs.float(), targets)
            penalty = config.penalty * recurrent_penalty(model) if config.bound_by == "penalty" else 0.0
            optimizer.zero_grad()
            scaler.scale(loss + penalty).backward()
            scaler.unscale_(optimizer)
            if config.clip_value:
                nn.utils.clip_grad_value_(model.parameters(), config.clip_value)
            if config.clip_norm:
                nn.utils.clip_grad_norm_(model.parameters(), config.clip_norm)
            scaler.step(optimizer)
            scale = scaler.get_scale()
            scaler.update()
            if config.bound_by == "projection":
                clamp_recurrent_(model)
            if config.schedule == "one_cycle" and step < config.steps and scaler.get_scale() >= scale:
                schedule.step()  # not after a step that fp16 skipped
            progress["step"] = step
            if not math.isfinite(value := loss.item()):
                raise TaskError(f"the loss is {value} after {step} steps; try a smaller --learning-rate")
            sums["samples"] += len(targets)
            sums["loss"] += value * len(targets)
            sums[task.metric] += task.score(outputs.detach().float(), targets).sum().item()
            bar.set_postfix(
                {name: f"{sums[name] / sums['samples']:.4f}" for name in ("loss", task.metric)}, refresh=False
            )
            bar.update()

            if step % config.evaluate_every == 0 or step == config.steps:
                bar.set_postfix_str("evaluating")
                with autocast:
                    estimate_norms(model, task.training, config, device)
                    validation = evaluate(model, task, task.validation, config.batch_size, device)
                *trained, samples = total(torch.tensor(list(sums.values()), dtype=torch.float64)).tolist()
                row = {"step": step, "epoch": step / len(loader), "learning_rate": learning_rate(optimizer)}
                row |= {f"train_{k}": v / samples for k, v in zip(("loss", task.metric), trained, strict=True)}
                row |= {f"validation_{k}": v for k, v in validation.items()}
                row["seconds"] = time.perf_counter() - started
                progress["rows"].append(row)
                sums.update(dict.fromkeys(sums, 0.0))
                if config.schedule == "plateau":
                    schedule.step(validation[task.metric])
                best, now = progress["best"], validation[task.metric]
                if best is None or (now >= best if task.better == "max" else now <= best):
                    progress["best"] = now
                    save("best.pt", {"model": model})
                save("last.pt", parts)
                if run:
                    run.write_metrics(progress["rows"], task.metric, task.baseline)
            elif total(torch.tensor(float(interruption.requested))):
                save("last.pt", parts)
                raise Stopped(f"stopped after {step} of {config.steps} steps", run and run.path)
        bar.close()

        if run:
            model.load_state_dict(torch.load(run.path / "best.pt", weights_only=True)["model"])
        broadcast(model)
        with autocast:
            return evaluate(model, task, task.test, config.batch_size, device), run and run.path


def evaluate_checkpoint(
    config: TrainingConfig, make_task: Callable[[Any], Task], saved: dict[str, Any]
) -> tuple[dict[str, float], int]:
    """The loss and metric of a checkpoint on the test set, and the number of its samples."""
    with processes(config.device) as device:
        task = make_task(config)
        try:
            task.model.load_state_dict(saved["model"])
        except RuntimeError as error:
            raise TaskError(
                f"the checkpoint does not fit these settings: {str(error).splitlines()[1].strip()}"
            ) from None
        autocast = torch.autocast(device.type, TYPES[config.precision], enabled=config.precision != "fp32")
        with autocast:
            return evaluate(task.model.to(device), task, task.test, config.batch_size, device), len(task.test)


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.Adam:
    """Adam, with weight decay on matrices alone."""
    parameters = list(model.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if p.dim() > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if p.dim() <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.Adam(groups, lr=config.learning_rate)


def make_schedule(optimizer: torch.optim.Optimizer, config: TrainingConfig, better: Literal["max", "min"]) -> Any:
    if config.schedule == "one_cycle":
        return OneCycleLR(optimizer, config.learning_rate, max(2, config.steps), pct_start=config.warm_up)
    return ReduceLROnPlateau(optimizer, better, factor=0.1, patience=config.patience)


def learning_rate(optimizer: torch.optim.Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])


def finished(optimizer: torch.optim.Optimizer, config: TrainingConfig) -> bool:
    return config.schedule == "plateau" and learning_rate(optimizer) < config.end_rate


def training_loader(dataset: Dataset, config: TrainingConfig) -> DataLoader:
    """Whole batches of this process's share, in an order that follows from the seed and the epoch."""
    sampler = ResumableSampler(dataset, world_size(), rank(), seed=config.seed, drop_last=True)
    own_batch, left = divmod(config.batch_size, world_size())
    if left:
        raise TaskError(f"--batch-size {config.batch_size} cannot be divided among {world_size()} processes")
    if len(sampler) < own_batch:
        raise TaskError(f"--batch-size is {config.batch_size}, more than the {len(dataset)} training samples")
    # A generator of its own: a loader draws from the global one whenever an epoch begins.
    return DataLoader(dataset, own_batch, sampler=sampler, drop_last=True, generator=torch.Generator())


def endless(loader: DataLoader, step: int) -> Iterator[list[Tensor]]:
    """Batches without end, from the one that comes after `step` of them."""
    while True:
        epoch, done = divmod(step, len(loader))
        loader.sampler.seek(epoch, done * loader.batch_size)
        for batch in loader:
            yield batch
            step += 1


def estimate_norms(model: nn.Module, dataset: Dataset, config: TrainingConfig, device: torch.device) -> None:
    """Sets the statistics of batch norm to their mean over some samples: a running mean lags behind a recurrence."""
    if any(isinstance(module, _BatchNorm) for module in model.modules()):
        chosen = torch.randperm(len(dataset), generator=torch.Generator().manual_seed(config.seed))[:NORM_SAMPLES]
        update_bn(DataLoader(Subset(dataset, chosen.tolist()), config.batch_size, drop_last=True), model, device)
        broadcast(model)


@torch.no_grad()
def evaluate(model: nn.Module, task: Task, dataset: Dataset, batch_size: int, device: torch.device) -> dict[str, float]:
    """The mean loss and metric of a data set, each sample once, whatever the number of processes."""
    training = model.training
    model.eval()
    mine = Subset(dataset, range(rank(), len(dataset), world_size()))
    sums = torch.zeros(3, dtype=torch.float64)
    for inputs, targets in DataLoader(mine, batch_size):
        outputs, targets = model(inputs.to(device)).float(), targets.to(device)
        loss, score = task.loss(outputs, targets) * len(targets), task.score(outputs, targets).sum()
        sums += torch.stack((loss.double().cpu(), score.double().cpu(), torch.tensor(len(targets)).double()))
    loss, score, count = total(sums).tolist()
    model.train(training)
    return {"loss": loss / count, task.metric: score / count}
