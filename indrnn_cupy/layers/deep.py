"""Deep networks: plain, residual and dense. With IndRNN they are those of Li et al."""

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from .block import ProjectedBlock, RecurrentBlock, projection, refuse_memory, width_before
from .norm import with_differences, zero_padding


class _Layers(nn.Module):
    """Layers one after the other, each called with the sequence and the lengths."""

    def __init__(self, layers: Iterable[nn.Module], output_size: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.output_size = output_size

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = zero_padding(x, lengths)
        for layer in self.layers:
            x = layer(x, lengths)
        return x


class PlainNetwork(_Layers):
    """`num_layers` times projection -> recurrence -> norm -> dropout.

    Args:
        input_size, hidden_size, num_layers: as in `torch.nn.RNN`.
        dropout: after each recurrence.
        options: `recurrence`, the class of a recurrence alone, :class:`IndRNNRecurrence` if not given; its options
            (`activation`, `bound`, `clamp`, ...); and `norm`, `norm_first` and `max_steps` of :class:`RecurrentBlock`.

    Shape: `forward(x, lengths=None)` with x `(T, B, input_size)` and lengths `(B,)` to `(T, B, output_size)`.

    Reference: Li et al., CVPR 2018, arXiv 1803.04831; for the three networks here, Li et al., "Deep Independently
    Recurrent Neural Network", arXiv 1910.06251.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int, dropout: float = 0.0, **options: Any
    ) -> None:
        if num_layers < 1:
            raise ValueError(f"num_layers is {num_layers}, expected at least 1")
        sizes = [input_size] + [hidden_size] * (num_layers - 1)
        layers = (
            ProjectedBlock(size, hidden_size, dropout, number == num_layers, **options)
            for number, size in enumerate(sizes, 1)
        )
        super().__init__(layers, hidden_size)


class ResidualNetwork(nn.Module):
    """Pre-activation residual network: a projection, `num_blocks` times x + f(x), and a last recurrence.

    f is twice recurrence -> norm -> dropout -> projection, so that there are `2 * num_blocks + 1` recurrences.
    Arguments, shape and reference: as of :class:`PlainNetwork`.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_blocks: int, dropout: float = 0.0, **options: Any
    ) -> None:
        super().__init__()
        if num_blocks < 1:
            raise ValueError(f"num_blocks is {num_blocks}, expected at least 1")
        self.output_size = hidden_size
        refuse_memory(options)
        width = width_before(hidden_size, options)
        self.first = projection(input_size, width)
        self.blocks = nn.ModuleList(RecurrentBlock(hidden_size, dropout, **options) for _ in range(2 * num_blocks))
        self.projections = nn.ModuleList(projection(hidden_size, width) for _ in self.blocks)
        self.last = RecurrentBlock(hidden_size, dropout, last=True, **options)

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        x = self.first(zero_padding(x, lengths))
        layers = list(zip(self.blocks, self.projections, strict=True))
        for (block1, project1), (block2, project2) in zip(layers[::2], layers[1::2], strict=True):
            y = project1(block1(x, lengths))
            x = x + project2(block2(y, lengths))
        return self.last(x, lengths)


class _DenseLayer(nn.Module):
    """Appends `growth_rate` units, which come through a bottleneck of four times as many, to its input."""

    def __init__(
        self, input_size: int, growth_rate: int, dropout: float, bottleneck_dropout: float, wider: int, **options: Any
    ) -> None:
        super().__init__()
        self.bottleneck = ProjectedBlock(input_size, 4 * growth_rate, bottleneck_dropout, **options)
        self.growth = ProjectedBlock(4 * growth_rate * wider, growth_rate, dropout, **options)

    def forward(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        return torch.cat((x, self.growth(self.bottleneck(x, lengths), lengths)), -1)


class DenseNetwork(_Layers):
    """Densely connected network: each layer reads all that came before it in its block.

    A first layer of `first_width * growth_rate` units; then `block_config[i]` dense layers, each projection ->
    recurrence of `4 * growth_rate` units (the bottleneck) -> projection -> recurrence of `growth_rate`, whose output is
    appended to its input; and a transition that halves the width after each block, the last of which has the long
    memory.

    Args:
        input_size: as in `torch.nn.RNN`.
        growth_rate: the units that a dense layer appends.
        block_config: the number of dense layers of each block.
        first_width: of the first layer, in growth rates.
        dropout: after the first layer and each dense layer.
        bottleneck_dropout, transition_dropout: after bottlenecks and transitions.
        differences: beside the input and the output of each recurrence comes its change since the step before, so that
            every width is doubled.
        options, shape and reference: as of :class:`PlainNetwork`.
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
        differences: bool = False,
        **options: Any,
    ) -> None:
        wider = 2 if differences else 1
        options["differences"] = differences
        width = first_width * growth_rate
        layers: list[nn.Module] = [ProjectedBlock(input_size * wider, width, dropout, **options)]
        for number, num_layers in enumerate(block_config, 1):
            for _ in range(num_layers):
                layers.append(_DenseLayer(width * wider, growth_rate, dropout, bottleneck_dropout, wider, **options))
                width += growth_rate
            last = number == len(block_config)
            layers.append(ProjectedBlock(width * wider, width // 2, transition_dropout, last, **options))
            width //= 2
        super().__init__(layers, width * wider)
        self.differences = differences

    def forward(self, x: Tensor, lengths: Tensor | None = None) -> Tensor:
        return super().forward(with_differences(x, lengths) if self.differences else x, lengths)
