"""Hints for torch.compile, without importing torch.compiler, which takes more than a second."""

from collections.abc import Callable
from typing import Any, TypeVar

import torch

Function = TypeVar("Function", bound=Callable[..., Any])

disable = torch._disable_dynamo  # imports the compiler when the function is first called


def assume_constant_result(function: Function) -> Function:
    """As torch.compiler.assume_constant_result: the function is called while a graph is traced, and not again."""
    function._dynamo_marked_constant = True  # type: ignore[attr-defined]
    return function
