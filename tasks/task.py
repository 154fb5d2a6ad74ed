"""What a task provides to the training loop."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from torch import Tensor, nn

from indrnn_cupy import Activity

Samples: TypeAlias = Any  # a torch.utils.data.Dataset with a length


@dataclass
class Task:
    """A network, its data sets and its loss. The data sets contain pairs (input, target).

    If the training set has a method `set_epoch`, like torch's samplers, it is called at the start of each epoch.
    """

    model: nn.Module
    training: Samples
    validation: Samples
    test: Samples
    loss: Callable[[Tensor, Tensor], Tensor]
    """Maps outputs and targets to the mean loss over the batch."""
    score: Callable[[Tensor, Tensor], Tensor]
    """Maps outputs and targets to the metric of each sample, (B,)."""
    metric: str
    better: Literal["max", "min"]
    baseline: float | None = None
    """The metric of a network without memory, plotted for comparison."""
    activity_loss: Callable[[Sequence[Activity]], Tensor] | None = None
    """Maps the activities of EGRU layers to a term of the training loss."""
    classes: Sequence[str] | None = None
    """Names of the classes, if the outputs are class logits: the run then ends with a confusion matrix."""
    names: Sequence[str] | None = None
    """Names of the test samples, for a file of their scores; their numbers by default."""
    streams: bool = False
    """Whether the samples of a batch continue those of the previous batch, in order. The network is then also called
    with a state, and returns (outputs, state)."""
