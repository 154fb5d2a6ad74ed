"""What a task gives to the training loop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from torch import Tensor, nn

from indrnn_cupy import Activity

Samples: TypeAlias = Any  # a torch.utils.data.Dataset that has a length


@dataclass
class Task:
    """A network and what it is to learn. The data sets hold pairs (input, target).

    A training set with a method `set_epoch`, as torch's samplers have one, is told when an epoch begins.
    """

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
    activity_loss: Callable[[Sequence[Activity]], Tensor] | None = None
    """Of the activities of EGRU layers: a term of the loss in training."""
    classes: Sequence[str] | None = None
    """Names of the classes, if the outputs are logits of classes: then a run ends with their confusion matrix."""
    names: Sequence[str] | None = None
    """Of the test samples, for a file of their scores; by default their numbers."""
    streams: bool = False
    """The samples of a batch go on from those of the batch before, in order. The network is then called with a state
    too, and gives (outputs, state)."""
