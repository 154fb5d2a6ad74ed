"""Stacks of layers, each a projection and a recurrence, with the shapes of `torch.nn.RNN`."""

from collections.abc import Sequence
from operator import itemgetter
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..functional.arrays import each
from .bounds import of_last_layer
from .recurrence import Recurrence, check_options
from .sequence import SequenceModule, State, StateT


def stacked(states: Sequence[State]) -> State:
    """Stacks the states of the layers into one."""
    if isinstance(states[0], Tensor):
        return torch.stack(states)  # type: ignore[arg-type]  # all have the same type
    return tuple(map(torch.stack, zip(*states, strict=True)))


def side_by_side(directions: Sequence[tuple[Any, ...]]) -> tuple[Any, ...]:
    """Concatenates the outputs of both directions, each a tensor or a tuple of them."""
    if len(directions) == 1:
        return directions[0]
    return tuple(
        torch.cat(parts, -1) if isinstance(parts[0], Tensor) else side_by_side(parts)
        for parts in zip(*directions, strict=True)
    )


class RecurrentStack(SequenceModule[StateT]):
    """`num_layers` layers of a `torch.nn.Linear` and a recurrence, in one or both directions.

    Other sequences of the last layer's recurrence, as in EGRU, are returned between the output and the state.

    `recurrence(hidden_size, batch_first=, device=, dtype=, **options)` creates a recurrence.
    """

    state_batch = 1

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int,
        bias: bool,
        batch_first: bool,
        dropout: float,
        bidirectional: bool,
        device: torch.device | str | None,
        dtype: torch.dtype | None,
        recurrence: type[Recurrence],
        **options: Any,
    ) -> None:
        super().__init__()
        if num_layers < 1:
            raise ValueError(f"num_layers is {num_layers}, expected at least 1")
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.batch_first, self.bidirectional = batch_first, bidirectional
        self.directions = 2 if bidirectional else 1
        self.projections, self.recurrences = nn.ModuleList(), nn.ModuleList()
        self.state_names = recurrence.state_names
        check_options(recurrence, options)
        options |= {"batch_first": batch_first, "device": device, "dtype": dtype}
        for layer in range(num_layers):
            if layer == num_layers - 1:
                options = of_last_layer(options)
            for _ in range(self.directions):
                width = recurrence.outputs * hidden_size * self.directions if layer else input_size
                self.projections.append(nn.Linear(width, recurrence.gates * hidden_size, bias, device, dtype))
                self.recurrences.append(recurrence(hidden_size, **options))
        self.dropout = nn.Dropout(dropout)
        self._initialize()

    def _initialize(self) -> None:
        for projection, recurrence in zip(self.projections, self.recurrences, strict=True):
            recurrence.initialize_(projection)  # type: ignore[operator]  # a ModuleList has untyped elements

    def reset_parameters(self) -> None:
        for module in (*self.projections, *self.recurrences):
            module.reset_parameters()
        self._initialize()

    def step(self, x_t: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        if self.bidirectional:
            raise ValueError(
                "a bidirectional network needs the whole sequence; call it, or use a unidirectional network"
            )
        return super().step(x_t, state)

    def _check_state(self, state: State | None, batch: int | None) -> None:
        if state is None:
            return
        names = self.state_names
        shape = (len(self.recurrences), *(() if batch is None else (batch,)), self.hidden_size)
        tensors = state if isinstance(state, tuple | list) else (state,)
        if isinstance(state, tuple | list) == (len(names) == 1) or len(tensors) != len(names):
            what = f"a {type(state).__name__}" + (f" of {len(state)}" if isinstance(state, tuple | list) else "")
            raise TypeError(f"the state is {what}, expected {names[0] if len(names) == 1 else ', '.join(names)}")
        for name, tensor in zip(names, tensors, strict=True):
            if not isinstance(tensor, Tensor):
                raise TypeError(f"{name} is a {type(tensor).__name__}, expected a torch.Tensor of shape {shape}")
            if tensor.shape != shape:
                raise ValueError(f"{name} has shape {tuple(tensor.shape)}, expected {shape}")

    def _run(self, x: Tensor, state: State | None, lengths: Tensor | None, resets: Tensor | None) -> tuple[Any, ...]:
        states: list[State] = []
        outputs: list[tuple[Tensor, ...]] = [(x,)]
        for number, (projection, recurrence) in enumerate(zip(self.projections, self.recurrences, strict=True)):
            direction = number % self.directions
            if direction == 0:
                (x, *_), outputs = side_by_side(outputs), []
                if number:
                    x = self.dropout(x)
            initial = each(itemgetter(number), state)
            steps = {"lengths": lengths, "resets": resets, "reverse": direction == 1}
            y, *others, last = recurrence(projection(x), initial, **steps)
            outputs.append((y, *others))
            states.append(last)
        return *side_by_side(outputs), stacked(states)


class RecurrentLayers(RecurrentStack[StateT]):
    """A stack of the recurrence `kind`, with the arguments of `torch.nn.RNN` and the options of the recurrence."""

    kind: ClassVar[type[Recurrence]]

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **options: Any,
    ) -> None:
        arguments = input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        super().__init__(*arguments, self.kind, **options)
