"""What a task gives to the training loop."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from torch import Tensor, nn

Samples: TypeAlias = Any  # a torch.utils.data.Dataset that has a length


@dataclass
class Task:
    """A network and what it is to learn. The data sets hold pairs (input, target)."""

    model: nn.Module
    training: Samples
    validation: Samples
    test: Samples
    loss: Callable[[Tensor, Tensor], Tensor]
    """Of outputs and targets: the mean over the batch."""
    score: Callable[[Tensor, Tensor], Tensor]
    """Of outputs and targets: the metric of each sample, (B,)."""
    metric: str
    better: Literal["max", "min"]
    baseline: float | None = None
    """What the metric is without a memory; drawn beside it."""
