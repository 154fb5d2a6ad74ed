"""Deep IndRNN networks: plain, residual and dense stacks of projections, recurrences, norms and dropout."""

from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from .indrnn import IndRNNRecurrence
from .norm import SequenceBatchNorm, SequenceDropout, StepBatchNorm, zero_padding


def projection(input_size: int, output_size: int) -> nn.Linear:
    """A `torch.nn.Linear` with the initial values of Li et al.: kaiming_uniform with a = 8, and no bias."""
    linear = nn.Linear(input_size, output_size)
    nn.init.kaiming_uniform_(linear.weight, a=8)
    nn.init.zeros_(linear.bias)
    return linear


class IndRNNBlock(nn.Module):
    """IndRNN -> norm -> dropout, the unit of which deep networks are made.

    Args:
        hidden_size: H, the number of units.
        dropout: one mask for all steps, as in :class:`SequenceDropout`.
        last: this is a network's last recurrence, which begins with a long memory if there is a bound above 1.
        activation, bound, clamp: as in :class:`IndRNNRecurrence`.
        norm: "batch" for :class:`SequenceBatchNorm`, "step" for :class:`StepBatchNorm`, "layer" for
            `torch.nn.LayerNorm`, or None.
        norm_first: the norm comes before the recurrence.
        max_steps: of :class:`StepBatchNorm`.

    Shape: `forward(x, lengths=None)` with x `(T, B, H)` and lengths `(B,)` to the shape of x. Past a row's length
    outputs are 0 and nothing reaches a norm's statistics.
    """

    def __init__(
        self,
        hidden_size: int,
        dropout: float = 0.0,
        last: bool = False,
        *,
        activation: str = "relu",
        bound: float | None = None,
        clamp: bool = False,
        norm: Literal["batch", "step", "layer"] | None = "batch",
        norm_first: bool = False,
        max_steps: int | None = None,
    ) -> None:
        super().__init__()
        if norm not in ("batch", "step", "layer", None):
            raise ValueError(f"norm is {norm!r}, expected 'batch', 'step', 'layer' or None")
        if (max_steps is not None) != (norm == "step"):
            raise ValueError(f"max_steps goes with norm='step', and they are {max_steps} and {norm!r}")
        long_memory = last and bound is not None and bound > 1
        self.recurrence = IndRNNRecurrence(hidden_size, activation, False, bound, long_memory, clamp)
        self.norm: nn.Module | None = None
        if norm == "batch":
            self.norm = SequenceBatchNorm(hidden_size)
        elif norm == "step":
            self.norm = StepBatchNorm(hidden_size, max_steps or 0)
        elif norm == "layer":
            self.norm = nn.LayerNorm(hidden_size)
        self.norm_first = norm_first
        self.dropout = SequenceDropout(dropout)

    def _normalize(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        if self.norm is None:
            return x
        if not isinstance(self.norm, nn.LayerNorm):
            return self.norm(x, lengths)
        return zero_padding(self.norm(x), lengths)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        if self.norm_first:
            y, _ = self.recurrence(self._normalize(x, lengths), lengths=lengths)
        else:
            y = self._normalize(self.recurrence(x, lengths=lengths)[0], lengths)
        return self.dropout(y)


class ProjectedBlock(nn.Module):
    """projection -> :class:`IndRNNBlock`: `(T, B, input_size)` to `(T, B, hidden_size)`."""

    def __init__(self, input_size: int, hidden_size: int, *arguments: Any, **options: Any) -> None:
        super().__init__()
        self.projection = projection(input_size, hidden_size)
        self.block = IndRNNBlock(hidden_size, *arguments, **options)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return self.block(self.projection(x), lengths)


class PlainIndRNN(nn.Module):
    """`num_layers` times projection -> IndRNN -> norm -> dropout.

    Args:
        input_size, hidden_size, num_layers: as in `torch.nn.RNN`.
        dropout: after each recurrence.
        options: `activation`, `bound`, `clamp`, `norm`, `norm_first` and `max_steps` of :class:`IndRNNBlock`.

    Shape: `forward(x, lengths=None)` with x `(T, B, input_size)` and lengths `(B,)` to `(T, B, output_size)`.

    Reference: Li et al., CVPR 2018, arXiv 1803.04831; for the three networks here, Li et al., "Deep Independently
    Recurrent Neural Network", arXiv 1910.06251.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int, dropout: float = 0.0, **options: Any
    ) -> None:
        super().__init__()
        self.output_size = hidden_size
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        self.layers = nn.ModuleList(
            ProjectedBlock(size, hidden_size, dropout, number == num_layers, **options)
            for number, size in enumerate(sizes, 1)
        )

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = zero_padding(x, lengths)
        for layer in self.layers:
            x = layer(x, lengths)
        return x


class ResidualIndRNN(nn.Module):
    """Pre-activation residual network: a projection, `num_blocks` times x + f(x), and a last recurrence.

    f is twice IndRNN -> norm -> dropout -> projection, so that there are `2 * num_blocks + 1` recurrences.
    Arguments, shape and reference: as of :class:`PlainIndRNN`.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_blocks: int, dropout: float = 0.0, **options: Any
    ) -> None:
        super().__init__()
        self.output_size = hidden_size
        self.first = projection(input_size, hidden_size)
        self.blocks = nn.ModuleList(IndRNNBlock(hidden_size, dropout, **options) for _ in range(2 * num_blocks))
        self.projections = nn.ModuleList(projection(hidden_size, hidden_size) for _ in self.blocks)
        self.last = IndRNNBlock(hidden_size, dropout, last=True, **options)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = self.first(zero_padding(x, lengths))
        layers = list(zip(self.blocks, self.projections, strict=True))
        for (block1, project1), (block2, project2) in zip(layers[::2], layers[1::2], strict=True):
            y = project1(block1(x, lengths))
            x = x + project2(block2(y, lengths))
        return self.last(x, lengths)


class DenseIndRNN(nn.Module):
    """Densely connected network: each layer reads all that came before it in its block.

    A first layer of `first_width * growth_rate` units; then `block_config[i]` dense layers, each projection -> IndRNN
    of `4 * growth_rate` units (the bottleneck) -> projection -> IndRNN of `growth_rate`, whose output is appended to
    its input; and a transition that halves the width after each block, the last of which has the long memory.

    Args:
        input_size: as in `torch.nn.RNN`.
        growth_rate: the units that a dense layer appends.
        block_config: the number of dense layers of each block.
        first_width: of the first layer, in growth rates.
        dropout: after the first layer and each dense layer.
        bottleneck_dropout, transition_dropout: after bottlenecks and transitions.
        options, shape and reference: as of :class:`PlainIndRNN`.
    """

    def __init__(
        self,
        input_size: int,
        growth_rate: int,
        block_config: Sequence[int] = (8, 6, 4),
        first_width: int = 6,
        dropout: float = 0.0,
        bottleneck_dropout: float = 0.0,
        transition_dropout: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__()
        width = first_width * growth_rate
        self.first = ProjectedBlock(input_size, width, dropout, **options)
        self.blocks, self.transitions = nn.ModuleList(), nn.ModuleList()
        for number, num_layers in enumerate(block_config, 1):
            layers = nn.ModuleList()
            for _ in range(num_layers):
                bottleneck = ProjectedBlock(width, 4 * growth_rate, bottleneck_dropout, **options)
                layers.append(
                    nn.ModuleList([bottleneck, ProjectedBlock(4 * growth_rate, growth_rate, dropout, **options)])
                )
                width += growth_rate
            self.blocks.append(layers)
            last = number == len(block_config)
            self.transitions.append(ProjectedBlock(width, width // 2, transition_dropout, last, **options))
            width //= 2
        self.output_size = width

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = self.first(zero_padding(x, lengths), lengths)
        for layers, transition in zip(self.blocks, self.transitions, strict=True):
            for bottleneck, layer in layers:
                x = torch.cat((x, layer(bottleneck(x, lengths), lengths)), -1)
            x = transition(x, lengths)
        return x
