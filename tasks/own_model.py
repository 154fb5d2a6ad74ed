"""A user-defined recurrence as the model of a task: its text is a setting, saved with the run."""

import re
from pathlib import Path

import torch
from torch import nn

from indrnn_cupy import recurrence
from indrnn_cupy.runtime import KernelError
from indrnn_cupy.runtime.source import KERNELS

from .config import TaskError, first_line
from .files import opened


def read_model(path: str) -> str:
    """Reads a `.cu` file that declares a recurrence; it may only include headers of the package."""
    try:
        with opened(Path(path)) as file:
            text = file.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TaskError(f"--model {path} is not UTF-8 text: {error}") from None
    for header in re.findall(r'^\s*#\s*include\s+"([^"]+)"', text, flags=re.M):
        if not (KERNELS / header).is_file() or (Path(path).parent / header).exists():
            raise TaskError(f"--model {path} includes {header}, expected headers of the package only; inline its text")
    own_model(path, text)
    return text


def own_model(path: str, text: str) -> type[nn.Module]:
    """Compiles a text, and returns its recurrence."""
    try:
        own = recurrence(source=text)
        with torch.random.fork_rng(devices=[]):
            module = own.Recurrence(1)
        module(torch.zeros(1, 1, module.gates))[0].sum().backward()
        return own.Recurrence
    except KernelError as error:
        raise TaskError(f"--model: {first_line(error).replace('the source of a recurrence', path)}") from None
