"""A recurrent module where a module with one input and one output is expected."""

from typing import Any

from torch import Tensor, nn


class OutputOnly(nn.Module):
    """Calls a recurrent module and returns its output without the state, as `torch.nn.Sequential` needs it::

        model = nn.Sequential(nn.Linear(3, 64), OutputOnly(IndRNN(64, 128)), nn.Linear(128, 10))

    Args:
        module: any module that returns a tuple whose first element is the output, including those of `torch.nn`.

    Shape: as in the module; further arguments are passed on to it.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, *arguments: Any, **options: Any) -> Tensor:
        found = self.module(x, *arguments, **options)
        if not isinstance(found, tuple):
            raise TypeError(f"{type(self.module).__name__} returns a {type(found).__name__}, expected a tuple")
        return found[0]
