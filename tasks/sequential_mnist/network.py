"""A plain IndRNN network that reads an image one pixel at a time."""

import torch
from torch import Tensor, nn

from indrnn_cupy import IndRNNRecurrence


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


class PixelNetwork(nn.Module):
    """Per layer: linear -> IndRNN -> batch norm -> dropout; the last step is classified. Li et al., arXiv 1910.06251.

    Shape: x (T, B, 1) to logits (B, classes).
    """

    def __init__(self, hidden_size: int, num_layers: int, classes: int, dropout: float, bound: float) -> None:
        super().__init__()
        self.layers = nn.ModuleList()
        for layer in range(num_layers):
            last = layer == num_layers - 1
            self.layers.append(
                nn.ModuleDict(
                    {
                        "projection": nn.Linear(hidden_size if layer else 1, hidden_size),
                        "recurrence": IndRNNRecurrence(hidden_size, bound=bound, long_memory=last),
                        "norm": SequenceBatchNorm(hidden_size),
                        "dropout": SequenceDropout(dropout),
                    }
                )
            )
        self.classifier = nn.Linear(hidden_size, classes)
        for layer in self.layers:
            nn.init.kaiming_uniform_(layer["projection"].weight, a=8)
            nn.init.zeros_(layer["projection"].bias)
        nn.init.kaiming_normal_(self.classifier.weight)
        nn.init.zeros_(self.classifier.bias)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            x, _ = layer["recurrence"](layer["projection"](x))
            x = layer["dropout"](layer["norm"](x))
        return self.classifier(x[-1])

    @torch.no_grad()
    def clamp_(self) -> None:
        """Brings every recurrent weight back within its bound."""
        for layer in self.layers:
            layer["recurrence"].clamp_()
