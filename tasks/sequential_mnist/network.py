"""A plain IndRNN network that reads an image one pixel at a time."""

import math

import torch
from torch import Tensor, nn

from indrnn_cupy import IndRNNRecurrence

from .data import CLASSES, PIXELS


class SequenceDropout(nn.Module):
    """Dropout with one mask for all time steps of a (T, B, H) sequence."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.p == 0:
            return x
        return x * nn.functional.dropout(x.new_ones(x.shape[1:]), self.p)


class SequenceBatchNorm(nn.BatchNorm1d):
    """Batch norm with one mean and variance per unit, over all time steps and rows of a (T, B, H) sequence."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.flatten(0, 1)).view_as(x)


def spread_memory_(u: Tensor, longest: int) -> None:
    """Fills u with e^(-1/m), the memories m spread evenly in their logarithm from 1 to `longest` steps.

    Few steps of training suffice then: of weights from U(0, 1), 3 % remember longer than 33 steps.
    """
    nn.init.uniform_(u, 0, math.log(longest))
    with torch.no_grad():
        u.copy_(torch.exp(-torch.exp(-u)))


class PixelLayer(nn.Module):
    """Linear -> IndRNN -> batch norm -> dropout, on a (T, B, features) sequence."""

    def __init__(self, input_size: int, hidden_size: int, dropout: float, bound: float, last: bool) -> None:
        super().__init__()
        self.projection = nn.Linear(input_size, hidden_size)
        self.recurrence = IndRNNRecurrence(hidden_size, bound=bound, long_memory=last)
        if not last:
            spread_memory_(self.recurrence.weight, PIXELS)
        self.norm = SequenceBatchNorm(hidden_size)
        self.dropout = SequenceDropout(dropout)
        nn.init.kaiming_uniform_(self.projection.weight, a=8)
        nn.init.zeros_(self.projection.bias)

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.recurrence(self.projection(x))
        return self.dropout(self.norm(states))


class PixelNetwork(nn.Module):
    """IndRNN layers, the last of which begins with a long memory; its last step is classified.

    Shape: x (T, B, 1) to logits (B, 10). The plain network of Li et al., arXiv 1910.06251,
    with other initial weights.
    """

    def __init__(self, hidden_size: int, num_layers: int, dropout: float, bound: float) -> None:
        super().__init__()
        sizes = [1] + [hidden_size] * (num_layers - 1)
        self.layers = nn.Sequential(
            *(PixelLayer(size, hidden_size, dropout, bound, i == num_layers) for i, size in enumerate(sizes, 1))
        )
        self.classifier = nn.Linear(hidden_size, CLASSES)
        nn.init.kaiming_normal_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.layers(x)[-1])

    def clamp_(self) -> None:
        """Brings every recurrent weight back within its bound."""
        for module in self.modules():
            if isinstance(module, IndRNNRecurrence):
                module.clamp_()

    def projection_weights(self) -> list[Tensor]:
        """The parameters that weight decay is for."""
        return [module.projection.weight for module in self.modules() if isinstance(module, PixelLayer)]
