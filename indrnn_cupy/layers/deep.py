"""Deep networks: plain, residual and dense. With IndRNN they are the networks of Li et al."""

from collections.abc import Iterable, Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from .block import ProjectedBlock, RecurrentBlock, projection, refuse_memory, split, width_after, width_before
from .padding import last_step, with_differences
from .sequence import SequenceModule, State


class _Layers(SequenceModule[tuple[Any, ...]]):
    """A sequence of layers, each called as `(x, state, lengths=, resets=)`."""

    def __init__(self, input_size: int, layers: Iterable[nn.Module], output_size: int) -> None:
        super().__init__()
        self.input_size, self.output_size = input_size, output_size
        self.layers = nn.ModuleList(layers)

    def _run(
        self, x: Tensor, state: State | None, lengths: Tensor | None, resets: Tensor | None
    ) -> tuple[Tensor, State]:
        states = []
        for layer, initial in zip(self.layers, split(state, len(self.layers)), strict=True):
            x, last = layer(x, initial, lengths=lengths, resets=resets)
            states.append(last)
        return x, tuple(states)


class PlainNetwork(_Layers):
    """`num_layers` layers of projection -> recurrence -> norm -> dropout.

    Args:
        input_size, hidden_size, num_layers: as in `torch.nn.RNN`.
        dropout: dropout probability after each recurrence.
        options: `recurrence`, the class of the recurrence, :class:`IndRNNRecurrence` by default; its options
            (`activation`, `bound`, `clamp`, ...); and `norm`, `norm_first` and `max_steps` of :class:`RecurrentBlock`.

    Shape: `forward(x, state=None, *, lengths=None, resets=None)`, with x `(T, B, input_size)`, `(T, input_size)` if
    unbatched, or a `PackedSequence`, returns `(output, state)`: the output in the form of x, `output_size` wide, and a
    tuple with the state of each layer, from which the next call can continue. :func:`last_step` returns the last valid
    step of the output. `lengths` and `resets` are as in :func:`indrnn_cupy.functional.indrnn`. `step(x_t, state)`
    returns `(y_t, state)` for one step of a stream.

    Reference: Li et al., CVPR 2018, arXiv 1803.04831; for the three networks here, Li et al., "Deep Independently
    Recurrent Neural Network", arXiv 1910.06251.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int, dropout: float = 0.0, **options: Any
    ) -> None:
        if num_layers < 1:
            raise ValueError(f"num_layers is {num_layers}, expected at least 1")
        width = width_after(hidden_size, options)
        sizes = [input_size] + [width] * (num_layers - 1)
        layers = (
            ProjectedBlock(size, hidden_size, dropout, number == num_layers, **options)
            for number, size in enumerate(sizes, 1)
        )
        super().__init__(input_size, layers, width)


class ResidualNetwork(SequenceModule[tuple[Any, ...]]):
    """Pre-activation residual network: a projection, `num_blocks` times x + f(x), and a last recurrence.

    f is recurrence -> norm -> dropout -> projection, twice, so that there are `2 * num_blocks + 1` recurrences.
    Arguments, shape and reference: as in :class:`PlainNetwork`.
    """

    def __init__(
        self, input_size: int, hidden_size: int, num_blocks: int, dropout: float = 0.0, **options: Any
    ) -> None:
        super().__init__()
        if num_blocks < 1:
            raise ValueError(f"num_blocks is {num_blocks}, expected at least 1")
        self.input_size, self.output_size = input_size, width_after(hidden_size, options)
        refuse_memory(options)
        width = width_before(hidden_size, options)
        self.first = projection(input_size, width)
        self.blocks = nn.ModuleList(RecurrentBlock(hidden_size, dropout, **options) for _ in range(2 * num_blocks))
        self.projections = nn.ModuleList(projection(self.output_size, width) for _ in self.blocks)
        self.last = RecurrentBlock(hidden_size, dropout, last=True, **options)

    def _run(
        self, x: Tensor, state: State | None, lengths: Tensor | None, resets: Tensor | None
    ) -> tuple[Tensor, State]:
        x = branch = self.first(x)
        *initial, last = split(state, len(self.blocks) + 1)
        states, steps = [], {"lengths": lengths, "resets": resets}
        for number, (block, project) in enumerate(zip(self.blocks, self.projections, strict=True)):
            y, state = block(branch, initial[number], **steps)
            branch = project(y)
            if number % 2:
                x = branch = x + branch
            states.append(state)
        y, state = self.last(x, last, **steps)
        return y, (*states, state)


class _DenseLayer(nn.Module):
    """Appends `growth_rate` units, computed through a bottleneck four times as wide, to its input."""

    def __init__(
        self, input_size: int, growth_rate: int, dropout: float, bottleneck_dropout: float, wider: int, **options: Any
    ) -> None:
        super().__init__()
        self.bottleneck = ProjectedBlock(input_size, 4 * growth_rate, bottleneck_dropout, **options)
        self.growth = ProjectedBlock(4 * growth_rate * wider, growth_rate, dropout, **options)

    def forward(self, x: Tensor, state: State | None, **steps: Tensor | None) -> tuple[Tensor, State]:
        bottleneck, growth = split(state, 2)
        y, bottleneck = self.bottleneck(x, bottleneck, **steps)
        y, growth = self.growth(y, growth, **steps)
        return torch.cat((x, y), -1), (bottleneck, growth)


class DenseNetwork(_Layers):
    """Densely connected network: each layer reads the outputs of all previous layers in its block.

    A first layer of `first_width * growth_rate` units; then `block_config[i]` dense layers, each projection ->
    recurrence of `4 * growth_rate` units (the bottleneck) -> projection -> recurrence of `growth_rate` units, whose
    output is appended to the input; and after each block a transition that halves the width. The last transition is
    initialised with a long memory if the bound allows it.

    Args:
        input_size: as in `torch.nn.RNN`.
        growth_rate: number of units that each dense layer appends.
        block_config: number of dense layers in each block.
        first_width: width of the first layer, as a multiple of `growth_rate`.
        dropout: dropout probability after the first layer and each dense layer.
        bottleneck_dropout, transition_dropout: dropout probabilities after bottlenecks and transitions.
        differences: append to the input and to the output of each recurrence its change since the previous step, which
            doubles every width. The state then starts with the last input. With "from_zero", the change at a first step
            is the step itself, as in IndRNN_pytorch, rather than 0.
        last_transition: whether there is a transition after the last block.
        options: as in :class:`PlainNetwork`.

    Shape and reference: as in :class:`PlainNetwork`.
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
        differences: bool | Literal["from_zero"] = False,
        last_transition: bool = True,
        **options: Any,
    ) -> None:
        if differences not in (True, False, "from_zero"):
            raise ValueError(f"differences is {differences!r}, expected True, False or 'from_zero'")
        wider = width_after(2 if differences else 1, options)
        options["differences"] = differences
        width, of_input = first_width * growth_rate, 2 * input_size if differences else input_size
        layers: list[nn.Module] = [ProjectedBlock(of_input, width, dropout, **options)]
        for number, num_layers in enumerate(block_config, 1):
            for _ in range(num_layers):
                layers.append(_DenseLayer(width * wider, growth_rate, dropout, bottleneck_dropout, wider, **options))
                width += growth_rate
            last = number == len(block_config)
            if last and not last_transition:
                break
            layers.append(ProjectedBlock(width * wider, width // 2, transition_dropout, last, **options))
            width //= 2
        super().__init__(input_size, layers, width * wider)
        self.differences = differences

    def _run(
        self, x: Tensor, state: State | None, lengths: Tensor | None, resets: Tensor | None
    ) -> tuple[Tensor, State]:
        if not self.differences:
            return super()._run(x, state, lengths, resets)
        before, *layers = split(state, len(self.layers) + 1)
        last = last_step(x, lengths, initial=before)
        from_zero = self.differences == "from_zero"
        x = with_differences(x, lengths, before=before, resets=resets, from_zero=from_zero)
        y, state = super()._run(x, None if state is None else tuple(layers), lengths, resets)
        return y, (last, *state)
