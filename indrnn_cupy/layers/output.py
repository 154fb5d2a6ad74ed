"""A recurrent module in a place where one tensor goes in and one comes out."""

from typing import Any

from torch import Tensor, nn


class OutputOnly(nn.Module):
    """Calls a recurrent module and returns its output without the state, as `torch.nn.Sequential` needs it:

        model = nn.Sequential(nn.Linear(3, 64), OutputOnly(IndRNN(64, 128)), nn.Linear(128, 10))

    Args:
        module: any module that returns a tuple whose first element is the output, those of `torch.nn` among them.

    Shape: as of the module; arguments after the first are passed on.
    """

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module

    def forward(self, x: Tensor, *arguments: Any, **options: Any) -> Tensor:
        return self.module(x, *arguments, **options)[0]
