"""The base class of recurrences as modules, and how their parameters are set and clamped."""

import inspect
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from ..functional.checks import check_activation
from ..functional.run import Call, run
from .sequence import StateT

GIVEN = ("self", "hidden_size", "batch_first", "device", "dtype")  # arguments of every recurrence


class Recurrence(nn.Module, Generic[StateT]):
    """A recurrence without a projection, called as `(x, state=None, *, lengths=None, resets=None, reverse=False)`.

    The input is x `(T, B, gates * H)`, as computed by a projection; it returns `(y, state)`, y `(T, B, outputs * H)`. A
    tuple of other sequences may come between the two.
    """

    activation: str  # if there is a choice
    gates = 1  # elements of the input for each hidden unit
    outputs = 1  # elements of the output for each hidden unit
    state_names: tuple[str, ...] = ("h0",)

    if TYPE_CHECKING:

        def __call__(
            self,
            x: Tensor,
            state: StateT | None = None,
            *,
            lengths: Tensor | None = None,
            resets: Tensor | None = None,
            reverse: bool = False,
        ) -> tuple[Tensor, StateT]: ...

    def __init__(self, hidden_size: int, activation: str | None, batch_first: bool) -> None:
        super().__init__()
        if not isinstance(hidden_size, int) or hidden_size < 1:
            raise ValueError(f"hidden_size is {hidden_size!r}, expected a whole number, at least 1")
        if activation is not None:
            check_activation(activation)
            self.activation = activation
        self.hidden_size, self.batch_first = hidden_size, batch_first

    def reset_parameters(self) -> None:
        """Initialises the parameters, if there are any."""

    def initialize_(self, before: nn.Module) -> None:
        """Initialises the bias of the preceding projection or norm as the recurrence needs it."""

    def clamp_(self) -> None:
        """Clamps parameters to their bounds in place, if they have any."""

    def call(self, x: Tensor, state: Any) -> Call:
        """The recurrence with the module's parameters, for recurrences defined by one function."""
        raise NotImplementedError

    def checked_call(self, x: Tensor, state: Any) -> Call:
        """The same, after checking the width of x."""
        width = self.gates * self.hidden_size
        if isinstance(x, Tensor) and x.dim() == 3 and x.shape[-1] != width:
            raise ValueError(f"x has shape {tuple(x.shape)}, expected a last dimension of {width}")
        return self.call(x, state)

    def states(self, state: Any) -> tuple[Any, ...]:
        """The tensors of a state; each is None if there is no state."""
        names = self.state_names
        found = (None,) * len(names) if state is None else (state,) if isinstance(state, Tensor) else tuple(state)
        if len(found) != len(names):
            raise TypeError(f"the state is {len(found)} tensor(s), expected {len(names)}: {', '.join(names)}")
        return found

    def forward(
        self,
        x: Tensor,
        state: Any = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        reverse: bool = False,
    ) -> tuple[Any, ...]:
        call = self.checked_call(x, state)
        return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=self.batch_first)

    def step(self, x_t: Tensor, state: Any = None) -> tuple[Tensor, Any]:
        """One step of a stream: from x_t `(B, gates * H)` and the state to the output, `(B, H)`, and the next state."""
        time = 1 if self.batch_first else 0
        y, *_, state = self(x_t.unsqueeze(time), state)
        return y.squeeze(time), state

    def extra_repr(self) -> str:
        activation = f", activation={self.activation!r}" if hasattr(self, "activation") else ""
        return f"{self.hidden_size}{activation}, batch_first={self.batch_first}"


@torch.no_grad()
def assign_(module: nn.Module, name: str, value: Tensor) -> None:
    """Sets the values of a parameter, through the right inverse of its parametrization if it has one.

    Raises RuntimeError if it is computed from other parameters that cannot be recovered from it.
    """
    if name in dict(module.named_parameters(recurse=False)):
        getattr(module, name).copy_(value)
        return
    try:
        if not parametrize.is_parametrized(module, name):
            raise RuntimeError("it is computed by a hook rather than by torch.nn.utils.parametrize")
        setattr(module, name, value)
    except RuntimeError as error:
        raise RuntimeError(f"{name} of {type(module).__name__} cannot be set: {error}") from None


def check_options(recurrence: type["Recurrence"], options: Iterable[str]) -> None:
    """Raises TypeError, listing the valid options, for an option that a recurrence does not have."""
    known = [name for name in inspect.signature(recurrence.__init__).parameters if name not in GIVEN]
    if unknown := [name for name in options if name not in known and name not in GIVEN]:
        raise TypeError(f"{unknown[0]} is not an option of {recurrence.__name__}, which has {', '.join(known)}")


@torch.no_grad()
def clamp_parameter_(module: nn.Module, name: str, low: float, high: float) -> None:
    """Clamps a parameter to [low, high] in place, through its parametrization if it has one, which may round it.

    Raises RuntimeError if it stays outside.
    """
    value = getattr(module, name)
    if name in dict(module.named_parameters(recurse=False)):
        value.clamp_(low, high)
    elif (value < low).any() or (value > high).any():
        remedy = "; compute with the clamped weight instead (clamp=True), or use another parametrization"
        try:
            assign_(module, name, value.clamp(low, high))
        except RuntimeError as error:
            raise RuntimeError(f"{error}{remedy}") from None
        value = getattr(module, name)
        slack = 8 * torch.finfo(value.dtype).eps * max(abs(low), abs(high))
        if (value < low - slack).any() or (value > high + slack).any():
            raise RuntimeError(f"{name} of {type(module).__name__} stays outside [{low}, {high}]{remedy}")
