"""recurrence -> norm -> dropout, the building block of deep networks."""

from typing import Any, Literal

from torch import Tensor, nn
from torch.nn import functional

from .bounds import of_last_layer
from .dropout import SequenceDropout
from .fused import called, fused, fuses, hooked
from .indrnn import IndRNNRecurrence
from .norm import SequenceBatchNorm, StepBatchNorm
from .padding import last_step, with_differences, zero_padding
from .recurrence import Recurrence, check_options
from .sequence import State


def projection(input_size: int, output_size: int) -> nn.Linear:
    """A `torch.nn.Linear` initialised as by Li et al.: kaiming_uniform with a = 8, and a bias of 0."""
    linear = nn.Linear(input_size, output_size)
    nn.init.kaiming_uniform_(linear.weight, a=8)
    nn.init.zeros_(linear.bias)
    return linear


class RecurrentBlock(nn.Module):
    """recurrence -> norm -> dropout, the building block of deep networks.

    Args:
        hidden_size: H, the number of units.
        dropout: dropout probability, with one mask for all steps, as in :class:`SequenceDropout`.
        last: this is the last recurrence of a network, which is initialised with a long memory if its bound is above 1.
        recurrence: the class of the recurrence, :class:`IndRNNRecurrence`, :class:`MinGRURecurrence`, ...
        norm: "batch" for :class:`SequenceBatchNorm`, "step" for :class:`StepBatchNorm`, "layer" for
            `torch.nn.LayerNorm`, or None.
        norm_first: apply the norm before the recurrence.
        max_steps: as in :class:`StepBatchNorm`.
        options: arguments of the recurrence.

    Shape: `forward(x, state=None, *, lengths=None, resets=None)`, with x `(T, B, gates * H)`, returns `(y, state)`, y
    `(T, B, outputs * H)`, where `gates` and `outputs` are attributes of the recurrence; state, lengths and resets are
    as in the recurrence. Past a row's length, outputs are 0 and nothing reaches the statistics of a norm. A block with
    norm="step" does not accept a state, as its statistics are counted from the first step of a sequence.
    """

    def __init__(
        self,
        hidden_size: int,
        dropout: float = 0.0,
        last: bool = False,
        *,
        recurrence: type[Recurrence] = IndRNNRecurrence,
        norm: Literal["batch", "step", "layer"] | None = "batch",
        norm_first: bool = False,
        max_steps: int | None = None,
        **options: Any,
    ) -> None:
        super().__init__()
        if odd := {"batch_first", "device", "dtype"} & options.keys():
            raise TypeError(
                f"{', '.join(sorted(odd))} is not an option of networks: their input is (T, B, features), so transpose "
                "a batch-first input, and move or convert a network with .to()"
            )
        if norm not in ("batch", "step", "layer", None):
            raise ValueError(f"norm is {norm!r}, expected 'batch', 'step', 'layer' or None")
        if (max_steps is not None) != (norm == "step"):
            raise ValueError(
                f"norm is {norm!r} and max_steps is {max_steps}; norm='step' needs max_steps, the length of the "
                "longest sequence, and no other norm accepts it"
            )
        check_options(recurrence, options)
        self.recurrence = recurrence(hidden_size, **(of_last_layer(options) if last else options))
        width = (width_before if norm_first else width_after)(hidden_size, {"recurrence": recurrence})
        self.norm: nn.Module | None = None
        if norm == "batch":
            self.norm = SequenceBatchNorm(width)
        elif norm == "step":
            self.norm = StepBatchNorm(width, max_steps or 0)
        elif norm == "layer":
            self.norm = nn.LayerNorm(width)
        self.norm_first = norm_first and self.norm is not None
        if norm_first and self.norm is not None:
            self.recurrence.initialize_(getattr(self.norm, "batch_norm", self.norm))
        self.dropout = SequenceDropout(dropout)

    def _normalize(self, x: Tensor, lengths: Tensor | None) -> Tensor:
        if isinstance(self.norm, SequenceBatchNorm):
            return self.norm(x, lengths)
        if self.norm is None:
            return x
        if self.norm_first:  # the recurrence does not read the layer norm's output in padding
            return self.norm(zero_padding(x, lengths))
        return zero_padding(self.norm(x), lengths)

    def forward(
        self, x: Tensor, state: State | None = None, *, lengths: Tensor | None = None, resets: Tensor | None = None
    ) -> tuple[Tensor, State]:
        if state is not None and isinstance(self.norm, StepBatchNorm):
            raise ValueError(
                "norm='step' has statistics for each step, counted from the first; it cannot continue from a state"
            )
        if self.norm_first:
            x = self._normalize(x, lengths)
        norm = None if self.norm_first else self.norm
        if fuses(self.recurrence, norm, self.dropout, x, lengths is not None):
            return fused(self.recurrence, norm, self.dropout, x, state, lengths, resets)
        y, *_, state = self.recurrence(x, state, lengths=lengths, resets=resets)
        return self.dropout(y if self.norm_first else self._normalize(y, lengths)), state


def split(state: State | None, parts: int) -> tuple[Any, ...]:
    """The parts of a state; each is None if there is no state."""
    if state is None:
        return (None,) * parts
    if not isinstance(state, tuple | list) or len(state) != parts:
        what = f"{type(state).__name__}" + (f" of {len(state)}" if isinstance(state, tuple | list) else "")
        raise TypeError(
            f"the state is a {what}, expected a tuple of {parts}, as returned by the network; pass lengths by name"
        )
    return tuple(state)


def refuse_memory(options: dict[str, Any]) -> None:
    """Raises ValueError for options of the initial memory if no bias can set it: the input of a block is a sum."""
    if options.get("norm_first") and options.get("norm", "batch"):
        return
    for name in ("forget_bias", "longest_memory"):
        if options.get(name):
            raise ValueError(f"{name} needs norm_first=True in this network, where the bias of the norm sets it")


def width_before(hidden_size: int, options: dict[str, Any]) -> int:
    """The width of the input of a block with these options."""
    return _recurrence(options).gates * hidden_size


def width_after(hidden_size: int, options: dict[str, Any]) -> int:
    """The width of its output."""
    return _recurrence(options).outputs * hidden_size


def _recurrence(options: dict[str, Any]) -> type[Recurrence]:
    recurrence = options.get("recurrence", IndRNNRecurrence)
    if not isinstance(recurrence, type) or not issubclass(recurrence, Recurrence):
        name = getattr(recurrence, "__name__", recurrence)
        own = f"{name}.Recurrence" if hasattr(recurrence, "Recurrence") else "IndRNNRecurrence"
        raise TypeError(f"recurrence is {name}, expected the class of a recurrence without a projection, such as {own}")
    return recurrence


def is_bias(bias: Tensor | None, weight: Tensor) -> bool:
    """Whether `torch.nn.Linear` would create such a bias for this weight; others broadcast or raise an error."""
    return bias is not None and bias.shape == weight.shape[:1] and bias.dtype == weight.dtype


class ProjectedBlock(nn.Module):
    """projection -> block: `(T, B, input_size)` to `(T, B, hidden_size)`, or twice as wide with `differences`.

    Called like the block. With `differences` ("from_zero" is explained in :func:`with_differences`), the state is a
    pair: the state of the block, and its last output.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *arguments: Any,
        differences: bool | Literal["from_zero"] = False,
        **options: Any,
    ) -> None:
        super().__init__()
        self.differences = differences
        self.projection = projection(input_size, width_before(hidden_size, options))
        self.block = RecurrentBlock(hidden_size, *arguments, **options)
        if not self.block.norm_first:
            self.block.recurrence.initialize_(self.projection)

    def forward(
        self, x: Tensor, state: State | None = None, *, lengths: Tensor | None = None, resets: Tensor | None = None
    ) -> tuple[Tensor, State]:
        if not self.differences:
            return self._run(x, state, lengths, resets)
        state, before = split(state, 2)
        y, state = self._run(x, state, lengths, resets)
        last = last_step(y, lengths, initial=before)
        from_zero = self.differences == "from_zero"
        return with_differences(y, lengths, before=before, resets=resets, from_zero=from_zero), (state, last)

    def _run(
        self, x: Tensor, state: State | None, lengths: Tensor | None, resets: Tensor | None
    ) -> tuple[Tensor, State]:
        """Runs the projection and the block; a fused block adds the bias of the projection itself."""
        block, project = self.block, self.projection
        plain = called(project) is nn.Linear.forward and called(block) is RecurrentBlock.forward
        if (
            plain
            and not (hooked(project) or hooked(block) or block.norm_first)
            and is_bias(project.bias, project.weight)
            and fuses(block.recurrence, block.norm, block.dropout, x, lengths is not None)
        ):
            y = functional.linear(x, project.weight)
            return fused(block.recurrence, block.norm, block.dropout, y, state, lengths, resets, project.bias)
        return block(project(x), state, lengths=lengths, resets=resets)
