"""The optimizer and its learning rate schedules."""

from typing import Any, Literal

import torch
from torch import nn
from torch.optim.lr_scheduler import OneCycleLR, ReduceLROnPlateau

from .config import TrainingConfig


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.Adam:
    """Adam, with weight decay on the weight matrices of linear layers only."""
    decayed = {id(module.weight) for module in model.modules() if isinstance(module, nn.Linear)}
    parameters = list(model.parameters())
    groups: list[dict[str, Any]] = [
        {"params": [p for p in parameters if id(p) in decayed], "weight_decay": config.weight_decay},
        {"params": [p for p in parameters if id(p) not in decayed], "weight_decay": 0.0},
    ]
    return torch.optim.Adam(groups, lr=config.learning_rate)


def make_schedule(optimizer: torch.optim.Optimizer, config: TrainingConfig, better: Literal["max", "min"]) -> Any:
    if config.schedule == "one_cycle":
        steps, warm_up = max(2, config.steps), config.warm_up
        if steps * warm_up == 1:  # a warm-up of 0 steps, by which torch would divide
            warm_up *= 1.5
        return OneCycleLR(optimizer, config.learning_rate, steps, pct_start=warm_up)
    return ReduceLROnPlateau(optimizer, better, factor=0.1, patience=config.patience)


def learning_rate(optimizer: torch.optim.Optimizer) -> float:
    return float(optimizer.param_groups[0]["lr"])


def finished(optimizer: torch.optim.Optimizer, config: TrainingConfig) -> bool:
    return config.schedule == "plateau" and learning_rate(optimizer) < config.end_rate
