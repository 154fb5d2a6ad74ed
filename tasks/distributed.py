"""One process, or those that torchrun started: their device, their share of the samples, their sums."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cache

import torch
import torch.distributed as dist
from torch import Tensor, nn

from .config import TaskError, first_line

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
    except Exception as error:
        first_to_fail()  # told before the others lose this process
        if isinstance(error, dist.DistError) or "gloo" in str(error):
            raise TaskError(f"another process of this run has ended: {first_line(error)}") from None
        raise
    finally:
        dist.destroy_process_group()


@cache
def first_to_fail() -> bool:
    """Whether no other process of this run failed before this one: one message is enough."""
    if "RANK" not in os.environ:
        return True
    try:
        store = dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), timeout=timedelta(seconds=9))
        return store.add(f"tasks failed {os.environ.get('TORCHELASTIC_RESTART_COUNT')}", 1) == 1
    except (RuntimeError, KeyError):  # there is no store: not of torchrun, or it has ended
        return True


def rank() -> int:
    return int(os.environ.get("RANK", 0))


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
