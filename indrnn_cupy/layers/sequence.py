"""The base class of layers and networks: padded, packed and unbatched sequences, states, and single steps."""

from typing import TYPE_CHECKING, Any, Generic, TypeAlias, TypeVar, overload

from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from ..functional.arrays import each
from ..functional.checks import as_integers, check_lengths
from .padding import zero_padding

State: TypeAlias = Any  # a tensor, or a tuple of states
StateT = TypeVar("StateT")


class SequenceModule(nn.Module, Generic[StateT]):
    """A module called as `(x, state=None, *, lengths=None, resets=None)`, which returns `(output, state)`.

    A subclass implements `_run(x, state, lengths, resets)` for a batch whose padding is zero, and `_check_state`. This
    is the only place that sets padding to zero: whatever was in it reaches no output, gradient, statistic or weight.
    """

    input_size: int
    batch_first = False
    state_batch = 0  # the batch dimension of the tensors in a state

    if TYPE_CHECKING:  # the signature of `nn.Module.__call__` for type checkers

        @overload
        def __call__(
            self,
            x: Tensor,
            state: StateT | None = None,
            *,
            lengths: Tensor | None = None,
            resets: Tensor | None = None,
        ) -> tuple[Tensor, StateT]: ...

        @overload
        def __call__(self, x: PackedSequence, state: StateT | None = None) -> tuple[PackedSequence, StateT]: ...

        def __call__(self, *arguments: Any, **options: Any) -> Any: ...

    def _run(self, x: Tensor, state: State | None, lengths: Tensor | None, resets: Tensor | None) -> tuple[Any, ...]:
        raise NotImplementedError

    def _check_state(self, state: State | None, batch: int | None) -> None:
        """Raises TypeError or ValueError unless the state matches a batch of this size, or an unbatched input."""
        if isinstance(state, tuple | list):
            for part in state:
                self._check_state(part, batch)
        elif state is not None and not isinstance(state, Tensor):
            raise TypeError(f"the state holds a {type(state).__name__}, expected tensors, as returned by the module")
        elif state is not None and batch is not None and state.shape[: self.state_batch + 1][-1:] != (batch,):
            raise ValueError(f"the state holds a tensor of shape {tuple(state.shape)}, expected a batch of {batch}")

    def forward(
        self,
        x: Tensor | PackedSequence,
        state: State | None = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
    ) -> tuple[Any, ...]:
        if isinstance(x, PackedSequence):
            if lengths is not None or resets is not None:
                raise ValueError("lengths and resets need a padded tensor, but x is a PackedSequence")
            return self._forward_packed(x, state)
        if not isinstance(x, Tensor):
            raise TypeError(f"x is a {type(x).__name__}, expected a torch.Tensor or a PackedSequence")
        if x.dim() not in (2, 3) or x.shape[-1] != self.input_size:
            raise ValueError(f"x has shape {tuple(x.shape)}, expected 2 or 3 dimensions, the last of {self.input_size}")
        if x.dim() == 2:
            return self._forward_unbatched(x, state, lengths, resets)
        self._check_state(state, x.shape[0 if self.batch_first else 1])
        if lengths is not None:
            lengths = check_lengths(lengths, x, self.batch_first)
            x = zero_padding(x, lengths, self.batch_first)
        return self._run(x, state, lengths, resets)

    def step(self, x_t: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """One step of a stream: from x_t `(B, input_size)` and the state to y_t, `(B, features)`, and the next state.

        The state has the same form as that of a sequence, so that steps can continue a sequence and vice versa.
        """
        time = 1 if self.batch_first and x_t.dim() == 2 else 0
        y, *_, state = self(x_t.unsqueeze(time), state)
        return y.squeeze(time), state

    def _forward_unbatched(
        self, x: Tensor, state: State | None, lengths: Tensor | None, resets: Tensor | None
    ) -> tuple[Any, ...]:
        """Runs one sequence (T, input_size), with one number as its length, resets (T,), and an unbatched state."""
        batch = 0 if self.batch_first else 1
        self._check_state(state, None)
        if lengths is not None:
            lengths = as_integers(lengths).reshape(-1)
        if isinstance(resets, Tensor) and resets.dim() == 1:
            resets = resets.unsqueeze(batch)
        state = each(lambda s: s.unsqueeze(self.state_batch), state)
        *outputs, state = self(x.unsqueeze(batch), state, lengths=lengths, resets=resets)
        outputs = each(lambda o: o.squeeze(batch), outputs)
        return *outputs, each(lambda s: s.squeeze(self.state_batch), state)

    def _forward_packed(self, packed: PackedSequence, state: State | None) -> tuple[Any, ...]:
        # Padded in the sorted order of the packed batch; states are passed and returned in the caller's order.
        if packed.data.shape[1:] != (self.input_size,):
            raise ValueError(f"x holds steps of shape {tuple(packed.data.shape[1:])}, expected ({self.input_size},)")
        x, lengths = pad_packed_sequence(PackedSequence(packed.data, packed.batch_sizes), self.batch_first)
        self._check_state(state, x.shape[0 if self.batch_first else 1])
        if (order := packed.sorted_indices) is not None:
            state = each(lambda s: s.index_select(self.state_batch, order), state)
        *outputs, state = self._run(x, state, lengths.to(x.device), None)

        def pack(y: Tensor) -> PackedSequence:
            data = pack_padded_sequence(y, lengths, self.batch_first).data
            return PackedSequence(data, packed.batch_sizes, order, packed.unsorted_indices)

        if (back := packed.unsorted_indices) is not None:
            state = each(lambda s: s.index_select(self.state_batch, back), state)
        return *each(pack, tuple(outputs)), state
