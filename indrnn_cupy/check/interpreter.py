"""The package's own GPU path on a machine without a GPU: its launcher, NVRTC, and the PTX interpreter."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from types import SimpleNamespace
from unittest.mock import patch

import torch

from ..ops import chunks, launch
from ..runtime import cuda
from .emulated_gpu import LaunchRecord, installed

STREAM = 7


@contextmanager
def interpreted(chunk: int = 0) -> Iterator[list[LaunchRecord]]:
    """A context in which kernels for CPU tensors are launched on the emulated GPU; yields the log of launches.

    With `chunk`, time is split into chunks of this number of steps, as for few lanes and many steps.
    """
    stream = SimpleNamespace(cuda_stream=STREAM)  # nothing else of a torch 2.6 stream matters
    with installed() as log, ExitStack() as patches:
        for place, name, value in (
            (torch.cuda, "device", lambda _: nullcontext()),
            (torch.cuda, "current_device", lambda: 0),
            (torch.cuda, "current_stream", lambda: stream),
            (launch, "on_gpu", lambda _: True),
            (chunks, "chunk_steps", lambda *_: chunk),
        ):
            patches.enter_context(patch.object(place, name, value))
        for cached in (cuda.cupy, cuda.load, cuda._module):
            cached.cache_clear()
            patches.callback(cached.cache_clear)
        yield log
