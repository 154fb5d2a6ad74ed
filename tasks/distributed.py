"""Training in one process, or in several started by torchrun: devices, ranks, sums over processes."""

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
# Keeps groups alive: if DDP freed one, it would wait for the group's threads with the GIL held, which they may need.


@contextmanager
def processes(device: str) -> Iterator[torch.device]:
    """Joins the process group if torchrun started this process; yields the device of this process."""
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
        first_to_fail()  # recorded before the other processes lose this one
        if isinstance(error, dist.DistError) or "gloo" in str(error):
            raise TaskError(f"another process of this run has exited: {first_line(error)}") from None
        raise
    finally:
        dist.destroy_process_group()


@cache
def first_to_fail() -> bool:
    """Returns whether this process is the first of its run to fail: one message is enough."""
    if "RANK" not in os.environ:
        return True
    try:
        store = dist.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), timeout=timedelta(seconds=9))
        return store.add(f"tasks failed {os.environ.get('TORCHELASTIC_RESTART_COUNT')}", 1) == 1
    except (RuntimeError, KeyError):  # no store: not started by torchrun, or torchrun has exited
        return True


def rank() -> int:
    return int(os.environ.get("RANK", 0))


def world_size() -> int:
    return dist.get_world_size() if dist.is_initialized() else 1


@contextmanager
def one_first() -> Iterator[None]:
    """Lets the first process run the block before the others, to create what they need."""
    if dist.is_initialized() and rank() > 0:
        dist.barrier()
    yield
    if dist.is_initialized() and rank() == 0:
        dist.barrier()


def total(values: Tensor) -> Tensor:
    """Sums a tensor over all processes."""
    if dist.is_initialized():
        dist.all_reduce(values)
    return values


def broadcast(model: nn.Module) -> None:
    """Copies the parameters and buffers of the first process to all others."""
    if dist.is_initialized():
        for tensor in model.state_dict().values():
            dist.broadcast(tensor, 0)
