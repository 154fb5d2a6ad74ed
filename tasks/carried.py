"""The state that a network carries from one part of long sequences to the next."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from indrnn_cupy.functional.arrays import each

from .distributed import rank, world_size
from .task import Task


class Carried:
    """The state of a network after the batch before, without its history: truncated backpropagation through time.

    `first`: inputs of the first batch. Of a task without streams it holds nothing, and the network takes no state.
    """

    def __init__(self, task: Task, first: Tensor | None = None) -> None:
        self.task = task
        self.state: Any = None
        self.zeros: Any = None
        if task.streams and first is not None:  # as long as a state may be, in a checkpoint
            training = task.model.training
            task.model.eval()
            with torch.no_grad():
                _, state = task.model(first[:, :1], None)
            task.model.train(training)
            self.zeros = each(torch.zeros_like, state)
            self.state = self.zeros
        self.gathered = [self.state] * world_size()

    def run(self, network: nn.Module, inputs: Tensor) -> Tensor:
        """The outputs for a batch, which goes on from the one before."""
        if not self.task.streams:
            return network(inputs)
        outputs, state = network(inputs, self.state)
        self.state = each(lambda tensor: tensor.detach().float(), state)  # as the zeros are
        return outputs

    def reset(self) -> None:
        """Begins from nothing, as the streams do."""
        self.state = self.zeros

    def gather(self) -> None:
        """Brings the states of all processes together, for a checkpoint."""
        self.gathered = [self.state]
        if self.task.streams and world_size() > 1:
            self.gathered = [None] * world_size()
            dist.all_gather_object(self.gathered, self.state)

    def state_dict(self) -> dict[str, Any]:
        return {"states": self.gathered}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        self.gathered = saved["states"]
        device = next(self.task.model.parameters()).device
        self.state = each(lambda tensor: tensor.to(device), self.gathered[rank()])


class Carrying(nn.Module):
    """The network of a task as a module of inputs alone, which carries the state from call to call."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self.model, self.carried = task.model, Carried(task)

    def forward(self, inputs: Tensor) -> Tensor:
        with torch.no_grad():
            return self.carried.run(self.model, inputs)
