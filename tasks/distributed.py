"""One process, or those that torchrun started: their device, their share of the samples, their sums."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.distributed as dist
from torch import Tensor, nn

_groups: list[object] = []
# Of DDP the last hold on a group would wait for the group's threads with Python's lock held, which they may need.


@contextmanager
def processes(device: str) -> Iterator[torch.device]:
    """Joins the processes of torchrun, if there are any; gives the device of this one."""
    if "RANK" not in os.environ:
        yield torch.device(device)
        return
    cuda = torch.device(device).type == "cuda"
    if cuda:
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
    dist.init_process_group("cpu:gloo,cuda:nccl" if cuda else "gloo")
    _groups.append(dist.group.WORLD)
    try:
        yield torch.device("cuda", torch.cuda.current_device()) if cuda else torch.device(device)
    finally:
        dist.destroy_process_group()


def rank() -> int:
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


@contextmanager
def one_first() -> Iterator[None]:
    """The first process goes in alone, to make what the others will find."""
    if dist.is_initialized() and rank() > 0:
        dist.barrier()
    yield
    if dist.is_initialized() and rank() == 0:
        dist.barrier()


def total(values: Tensor) -> Tensor:
    """The sum of a tensor over all processes."""
    if dist.is_initialized():
        dist.all_reduce(values)
    return values


def broadcast(model: nn.Module) -> None:
    """Gives every process the parameters and buffers of the first."""
    if dist.is_initialized():
        for tensor in model.state_dict().values():
            dist.broadcast(tensor, 0)
