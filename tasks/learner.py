"""A network and its optimizer, trained on one batch at a time."""

from contextlib import ExitStack
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from indrnn_cupy import clamp_recurrent_, record_activity, recurrent_penalty

from .carried import Carried
from .config import TrainingConfig
from .distributed import world_size
from .evaluation import autocast
from .optimization import finished, learning_rate, make_optimizer, make_schedule
from .task import Task


class Learned(NamedTuple):
    """The result of a training step: the loss of the batch, and the metric of each sample."""

    loss: float
    scores: Tensor


class Learner:
    """`parts`: the objects whose state is saved in a checkpoint, by name."""

    def __init__(self, task: Task, config: TrainingConfig, device: torch.device, first: Tensor | None) -> None:
        self.task, self.config, self.device = task, config, device
        self.model = task.model.to(device)
        self.parallel = DistributedDataParallel(self.model) if world_size() > 1 else self.model
        self.optimizer = make_optimizer(self.model, config)
        self.schedule = make_schedule(self.optimizer, config, task.better)
        self.scaler = torch.amp.GradScaler(device.type, enabled=config.precision == "fp16")
        self.carried = Carried(task, None if first is None else first.to(device))
        self.parts: dict[str, Any] = {
            "model": self.model,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
            "scaler": self.scaler,
        }
        if task.streams:
            self.parts["carried"] = self.carried

    @property
    def rate(self) -> float:
        return learning_rate(self.optimizer)

    @property
    def finished(self) -> bool:
        return finished(self.optimizer, self.config)

    def learn(self, inputs: Tensor, targets: Tensor, last: bool) -> Learned:
        """Takes one optimizer step; `last`: whether it is the last one of the run."""
        inputs, targets = (part.to(self.device, non_blocking=True) for part in (inputs, targets))
        with autocast(self.config, self.device), ExitStack() as recording:
            activities = recording.enter_context(record_activity(self.model)) if self.task.activity_loss else []
            outputs = self.carried.run(self.parallel, inputs).float()
        loss = self.task.loss(outputs, targets)
        penalty = self.config.penalty * recurrent_penalty(self.model) if self.config.bound_by == "penalty" else 0.0
        if self.task.activity_loss:
            penalty += self.task.activity_loss(activities)
        self.optimizer.zero_grad()
        self.scaler.scale(loss + penalty).backward()
        self._clip()
        skipped = self._update()
        if self.config.schedule == "one_cycle" and not last and not skipped:
            self.schedule.step()
        return Learned(loss.item(), self.task.score(outputs.detach(), targets))

    def _clip(self) -> None:
        self.scaler.unscale_(self.optimizer)
        if self.config.clip_value:
            nn.utils.clip_grad_value_(self.model.parameters(), self.config.clip_value)
        if self.config.clip_norm:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config.clip_norm)

    def _update(self) -> bool:
        """Updates the weights; returns whether the fp16 gradient scaler skipped the update."""
        scale = self.scaler.get_scale()
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.config.bound_by == "projection":
            clamp_recurrent_(self.model)
        return self.scaler.get_scale() < scale
