"""The recurrent state that is carried from one window of a long sequence to the next."""

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from indrnn_cupy.functional.arrays import each

from .distributed import rank, world_size
from .task import Task


class Carried:
    """The detached state of a network after the previous batch, for truncated backpropagation through time.

    `first`: inputs of the first batch. A task without streams has no state, and its network is called without one.
    """

    def __init__(self, task: Task, first: Tensor | None = None) -> None:
        self.task = task
        self.state: Any = None
        self.zeros: Any = None
        if task.streams and first is not None:  # its shapes are those expected in a checkpoint
            training = task.model.training
            task.model.eval()
            with torch.no_grad():
                _, state = task.model(first[:, :1], None)
            task.model.train(training)
            self.zeros = each(torch.zeros_like, state)
            self.state = self.zeros
        self.gathered = [self.state] * world_size()

    def run(self, network: nn.Module, inputs: Tensor) -> Tensor:
        """Returns the outputs for a batch, starting from the state after the previous one."""
        if not self.task.streams:
            return network(inputs)
        outputs, state = network(inputs, self.state)
        self.state = each(lambda tensor: tensor.detach().float(), state)  # the dtype of the zeros
        return outputs

    def reset(self) -> None:
        """Resets the state to zeros, at the start of the streams."""
        self.state = self.zeros

    def gather(self) -> None:
        """Gathers the states of all processes, for a checkpoint."""
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
        return self.carried.run(self.model, inputs)
