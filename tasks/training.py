"""The training loop of every task."""

import dataclasses
import math
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel
from tqdm import tqdm

from indrnn_cupy import clamp_recurrent_, record_activity, recurrent_penalty

from .config import TaskError, TrainingConfig
from .distributed import broadcast, processes, rank, total, world_size
from .evaluation import autocast, estimate_norms, evaluate
from .files import clear_drafts
from .interruption import Interruption, Stopped
from .optimization import finished, learning_rate, make_optimizer, make_schedule
from .resuming import take_up
from .run_folder import RunFolder, new_folder
from .samples import endless, training_loader
from .task import Task


def train(
    config: TrainingConfig,
    make_task: Callable[[Any], Task],
    folder: Path | None = None,
    saved: dict[str, Any] | None = None,
) -> tuple[dict[str, float], Path | None]:
    """Trains, and measures the best checkpoint on the test set; gives that, and the run's folder in the first process.

    `folder`, `saved`: of a run to go on with, and its last checkpoint.
    """
    with processes(config.device) as device, Interruption() as interruption, ExitStack() as stack:
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        task = make_task(config)
        model = task.model.to(device)
        parallel = DistributedDataParallel(model) if world_size() > 1 else model
        optimizer = make_optimizer(model, config)
        loader = training_loader(task.training, config)
        if config.epochs:
            config.steps = config.epochs * len(loader)
        schedule = make_schedule(optimizer, config, task.better)
        scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
        parts: dict[str, Any] = {"model": model, "optimizer": optimizer, "schedule": schedule, "scaler": scaler}
        progress: dict[str, Any] = {"step": 0, "seconds": 0.0, "best": None, "rows": []}
        sums = dict.fromkeys(("loss", task.metric, "samples"), 0.0)
        if saved and folder:
            progress = take_up(folder / "last.pt", saved, parts, sums)
            sums |= saved["sums"] if rank() == 0 else {}
        batches = endless(loader, progress["step"])
        run, settings = None, dataclasses.asdict(config)
        if rank() == 0:
            run = RunFolder(folder or new_folder(Path(config.runs), config.task, config.name))
            clear_drafts(run.path)
            if progress["best"] is not None:
                run.best_model(config, model)  # as it is needed in the end
            run.write_config(settings)
        started = time.perf_counter() - progress["seconds"]

        def save(name: str, parts: dict[str, Any]) -> None:
            progress["seconds"] = time.perf_counter() - started
            whole = total(torch.tensor(list(sums.values()), dtype=torch.float64)).tolist()
            kept = {
                "task": config.task,
                "config": settings,
                "progress": progress,
                "sums": dict(zip(sums, whole, strict=True)),
            }
            if run:
                run.save(name, {**kept, **{key: part.state_dict() for key, part in parts.items()}})

        bar = stack.enter_context(
            tqdm(total=config.steps, initial=progress["step"], unit="step", dynamic_ncols=True, disable=rank() > 0)
        )
        model.train()
        while progress["step"] < config.steps and not finished(optimizer, config):
            step = progress["step"] + 1
            torch.manual_seed(hash((config.seed, step, rank())))  # so that a resumed run drops the same units
            inputs, targets = (part.to(device, non_blocking=True) for part in next(batches))
            with autocast(config, device), ExitStack() as recording:
                activities = recording.enter_context(record_activity(model)) if task.activity_loss else []
                outputs = parallel(inputs).float()
            loss = task.loss(outputs, targets)
            penalty = config.penalty * recurrent_penalty(model) if config.bound_by == "penalty" else 0.0
            if task.activity_loss:
                penalty += task.activity_loss(activities)
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
            value = loss.item()
            agreed = torch.tensor([float(interruption.requested), float(not math.isfinite(value))])
            stop, diverged = total(agreed).tolist()  # in all processes alike
            if diverged:
                raise TaskError(f"the loss is not finite after {step} steps; try a smaller --learning-rate")
            sums["samples"] += len(targets)
            sums["loss"] += value * len(targets)
            sums[task.metric] += task.score(outputs.detach(), targets).sum().item()
            bar.set_postfix(
                {name: f"{sums[name] / sums['samples']:.4f}" for name in ("loss", task.metric)}, refresh=False
            )
            bar.update()

            if step % config.evaluate_every == 0 or step == config.steps:
                bar.set_postfix_str("evaluating")
                with autocast(config, device):
                    estimate_norms(model, task.training, config, device)
                    validation = evaluate(model, task, task.validation, config, device).values
                if not math.isfinite(validation["loss"]):
                    raise TaskError(
                        f"the validation loss is not finite after {step} steps; try a smaller --learning-rate"
                    )
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
            if step < config.steps and stop:
                save("last.pt", parts)
                raise Stopped(f"stopped after {step} of {config.steps} steps", run.path if run else None)
        bar.close()

        if run:
            model.load_state_dict(run.best_model(config, model))
        broadcast(model)
        with autocast(config, device):
            measured = evaluate(model, task, task.test, config, device)
        if run and measured.confusion is not None and task.classes:
            run.write_confusion(measured.confusion, task.classes)
        return measured.values, run.path if run else None
