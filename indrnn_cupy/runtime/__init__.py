"""Compiles a raw `.cu` file when it is first used and launches it, on a CPU or a GPU. Knows nothing of recurrences."""

import os
from functools import cache
from pathlib import Path
from typing import Any

from . import compiler, cuda, host, source
from .errors import CompilerMissingError, KernelError
from .kernel import Kernel
from .memory import reuse_freed_memory
from .source import overlay

__all__ = [
    "CompilerMissingError",
    "Kernel",
    "KernelError",
    "compiler",
    "cuda",
    "host",
    "missing",
    "overlay",
    "reuse_freed_memory",
    "use_kernels",
]


@cache
def missing(device_type: str, index: int | None = None) -> str:
    """What is missing to run kernels on a device, and how to get it; empty if nothing is. `index`: of which GPU."""
    try:
        if device_type == "cpu":
            compiler.command()
        elif device_type == "cuda":
            cuda.check(index)
        elif device_type != "meta":  # shapes alone
            return f"there are no kernels for {device_type} tensors"
    except CompilerMissingError as error:
        return str(error)
    return ""


class use_kernels:
    """Takes kernels from a folder of yours; files that are not there come from the package. `None` ends it.

    A function, for the rest of the process, or a context manager. Every file is read again, also when the folder is
    the one in use: call it after an edit. The environment variable INDRNN_CUPY_KERNELS does the same for a process.

        indrnn_cupy.use_kernels("my_kernels")
        with indrnn_cupy.use_kernels("my_kernels"): ...

    Raises KernelSourceError if the folder holds no kernel file.
    """

    def __init__(self, folder: str | os.PathLike[str] | None) -> None:
        path = None if folder is None else Path(folder).absolute()
        if path:
            source.check_folder(path)
        self._before = source.overlay()
        source.set_overlay(path)

    def __enter__(self) -> "use_kernels":
        return self

    def __exit__(self, *_: Any) -> None:
        source.set_overlay(self._before)
