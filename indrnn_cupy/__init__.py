"""Elementwise recurrences for sequence models, each one raw `.cu` file for GPU and CPU."""

from . import functional, reference
from .layers import IndRNN, IndRNNRecurrence
from .runtime import KernelError, reuse_freed_memory, use_kernels

__version__ = "0.1.0"
__all__ = [
    "IndRNN",
    "IndRNNRecurrence",
    "KernelError",
    "functional",
    "reference",
    "reuse_freed_memory",
    "use_kernels",
]
