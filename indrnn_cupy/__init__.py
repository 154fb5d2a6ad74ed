"""Recurrences for sequence models, elementwise and event-based, each one raw `.cu` file for GPU and CPU."""

from . import functional, layers, reference
from .layers import *  # noqa: F403
from .layers.derived import recurrence
from .runtime import KernelError, reuse_freed_memory, use_kernels

__version__ = "0.2.0"
__all__ = [
    *layers.__all__,
    "KernelError",
    "functional",
    "recurrence",
    "reference",
    "reuse_freed_memory",
    "use_kernels",
]
