"""The training loop of every task."""

import dataclasses
import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from .config import TaskError, TrainingConfig
from .distributed import broadcast, processes, rank, total
from .evaluation import autocast, estimate_norms, evaluate
from .files import clear_drafts
from .interruption import Interruption, Stopped
from .learner import Learned, Learner
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
    """Trains, and evaluates the best checkpoint on the test set; returns that result, and in process 0 the run folder.

    `folder`, `saved`: the folder and the last checkpoint of a run to resume.
    """
    with processes(config.device) as device, Interruption() as interruption:
        if config.threads:
            torch.set_num_threads(config.threads)
        torch.manual_seed(config.seed)
        run = Run(config, make_task(config), device, folder, saved)
        with run.bar:
            while run.step < config.steps and not run.learner.finished:
                stop = run.advance(interruption)
                if run.step % config.evaluate_every == 0 or run.step == config.steps:
                    run.evaluate()
                if stop and run.step < config.steps:
                    run.stop()
        return run.test(), run.folder.path if run.folder else None


class Run:
    """A run in progress: its learner, samples and measurements, and in the first process its folder."""

    def __init__(
        self,
        config: TrainingConfig,
        task: Task,
        device: torch.device,
        folder: Path | None,
        saved: dict[str, Any] | None,
    ) -> None:
        self.config, self.task, self.device = config, task, device
        self.loader = training_loader(task.training, config, task.streams)
        if config.epochs:
            config.steps = config.epochs * len(self.loader)
        self.settings = dataclasses.asdict(config)
        self.learner = Learner(task, config, device, next(iter(self.loader))[0] if task.streams else None)
        self.progress: dict[str, Any] = {"step": 0, "seconds": 0.0, "best": None, "rows": []}
        self.sums = dict.fromkeys(("loss", task.metric, "samples"), 0.0)
        if saved and folder:
            self.progress = take_up(folder / "last.pt", saved, self.learner.parts, self.sums)
            self.sums |= saved["sums"] if rank() == 0 else {}
        self.batches = endless(self.loader, self.step)
        self.folder = self._open(folder) if rank() == 0 else None
        self.started = time.perf_counter() - self.progress["seconds"]
        self.bar = tqdm(
            total=config.steps, initial=self.step, unit="step", dynamic_ncols=True, disable=self.folder is None
        )
        self.learner.model.train()

    @property
    def step(self) -> int:
        """The number of optimizer steps taken so far."""
        return self.progress["step"]

    def _open(self, folder: Path | None) -> RunFolder:
        """Opens the run folder, writes the settings, and prints a summary."""
        config, task, model = self.config, self.task, self.learner.model
        opened = RunFolder(folder or new_folder(Path(config.runs), config.task, config.name), config.tensorboard)
        clear_drafts(opened.path)
        if self.progress["best"] is not None:
            opened.best_model(config, model)  # checked now, needed at the end
        opened.write_config(self.settings)
        if self.step >= config.steps:  # if the run was killed, the last row may not be written
            opened.write_metrics(self.progress["rows"], task.metric, task.baseline)
        sizes = ", ".join(f"{len(getattr(task, part)):,} {part}" for part in ("training", "validation", "test"))
        parameters = sum(parameter.numel() for parameter in model.parameters())
        threads = torch.get_num_threads()
        on_cpu = f"{threads} thread" + "s" * (threads > 1)
        where = on_cpu if self.device.type == "cpu" else torch.cuda.get_device_name()
        print(f"{opened.path}/: {sizes} samples; {parameters:,} parameters; on {self.device}, {where}", flush=True)
        return opened

    def advance(self, interruption: Interruption) -> bool:
        """Takes one optimizer step in every process; returns whether one of them was asked to stop."""
        step = self.step + 1
        torch.manual_seed(hash((self.config.seed, step, rank())))  # so that a resumed run has the same dropout
        if self.step % len(self.loader) == 0:
            self.learner.carried.reset()
        inputs, targets = next(self.batches)
        learned = self.learner.learn(inputs, targets, last=step == self.config.steps)
        self.progress["step"] = step
        requested = float(interruption.requested), float(not math.isfinite(learned.loss))
        stop, diverged = total(torch.tensor(requested)).tolist()  # the same in all processes
        if diverged:
            raise TaskError(f"the loss is not finite after {step} steps; try a smaller --learning-rate")
        self._count(learned)
        return bool(stop)

    def _count(self, learned: Learned) -> None:
        self.sums["samples"] += len(learned.scores)
        self.sums["loss"] += learned.loss * len(learned.scores)
        self.sums[self.task.metric] += learned.scores.sum().item()
        shown = {name: f"{self.sums[name] / self.sums['samples']:.4f}" for name in ("loss", self.task.metric)}
        self.bar.set_postfix(shown, refresh=False)
        self.bar.update()

    def evaluate(self) -> None:
        """Evaluates the validation set, writes checkpoints, metrics and curves, and resets the sums."""
        self.bar.set_postfix_str("evaluating")
        model, task, config = self.learner.model, self.task, self.config
        with autocast(config, self.device):
            estimate_norms(task, config, self.device)
            measured = evaluate(model, task, task.validation, config, self.device).values
        if not math.isfinite(measured["loss"]):
            raise TaskError(f"the validation loss is not finite after {self.step} steps; try a smaller --learning-rate")
        *trained, samples = self._whole_sums()
        row = {"step": self.step, "epoch": self.step / len(self.loader), "learning_rate": self.learner.rate}
        row |= {f"train_{k}": v / samples for k, v in zip(("loss", task.metric), trained, strict=True)}
        row |= {f"validation_{k}": v for k, v in measured.items()}
        row["seconds"] = time.perf_counter() - self.started
        self.progress["rows"].append(row)
        self.sums.update(dict.fromkeys(self.sums, 0.0))
        if config.schedule == "plateau":
            self.learner.schedule.step(measured[task.metric])
        best, now = self.progress["best"], measured[task.metric]
        if best is None or (now >= best if task.better == "max" else now <= best):
            self.progress["best"] = now
            self.save("best.pt", {"model": model})
        self.save("last.pt", self.learner.parts)
        if self.folder:
            self.folder.write_metrics(self.progress["rows"], task.metric, task.baseline)

    def _whole_sums(self) -> list[float]:
        """The sums over all processes."""
        return total(torch.tensor(list(self.sums.values()), dtype=torch.float64)).tolist()

    def save(self, name: str, parts: dict[str, Any]) -> None:
        """Writes a checkpoint of these parts."""
        self.learner.carried.gather()
        self.progress["seconds"] = time.perf_counter() - self.started
        sums = dict(zip(self.sums, self._whole_sums(), strict=True))
        kept = {"task": self.config.task, "config": self.settings, "progress": self.progress, "sums": sums}
        if self.folder:
            self.folder.save(name, kept | {key: part.state_dict() for key, part in parts.items()})

    def stop(self) -> None:
        """Saves the run, and stops it."""
        self.save("last.pt", self.learner.parts)
        folder = self.folder.path if self.folder else None
        raise Stopped(f"stopped after {self.step} of {self.config.steps} steps", folder)

    def test(self) -> dict[str, float]:
        """Returns the loss and metric of the best checkpoint on the test set."""
        model = self.learner.model
        if self.folder:
            model.load_state_dict(self.folder.best_model(self.config, model))
        broadcast(model)
        with autocast(self.config, self.device):
            measured = evaluate(model, self.task, self.task.test, self.config, self.device)
        if self.folder and measured.confusion is not None and self.task.classes:
            self.folder.write_confusion(measured.confusion, self.task.classes)
        return measured.values
