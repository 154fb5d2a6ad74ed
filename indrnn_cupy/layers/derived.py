"""User-defined recurrences as modules: what `indrnn_cupy.recurrence` creates from a `.cu` file."""

import os
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ..functional.checks import check_memory_options
from ..functional.derived import CellFunction
from ..functional.run import Call
from ..ops.cell import Cell, read_cell
from ..ops.cells import OWN
from ..runtime.errors import KernelSignatureError
from .recurrence import Recurrence
from .sequence import State
from .stack import RecurrentStack

Initial = Mapping[str, Callable[[Tensor], Any]]  # for each weight, a function that fills it in place
Reference = Callable[..., Any] | None
MODULE_WORDS = ("activation", "hidden_size", "batch_first", "init", "memory", "every")


class DerivedRecurrence(Recurrence):
    """A user-defined recurrence without a projection; its weights, `(hidden_size,)` each, are parameters.

    Args:
        hidden_size: H, the number of units.
        batch_first: sequences are `(B, T, gates * H)` instead of `(T, B, gates * H)`.
        init: for names of weights, functions that fill them in place, such as those of `torch.nn.init`; other weights
            are initialised from U(0, 1).
        memory, every: the states saved for backward: "store", all; or "recompute", every `every`-th step.

    Shape: `forward(x, state=None, *, lengths=None, resets=None, reverse=False)`, with x `(T, B, gates * H)`, the inputs
    side by side, returns `(y, state)`; the state is a tensor `(B, H)`, or a tuple of them in the function's order.
    """

    function: ClassVar[CellFunction]

    def __init__(
        self,
        hidden_size: int,
        batch_first: bool = False,
        init: Initial | None = None,
        memory: str = "store",
        every: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(hidden_size, None, batch_first)
        check_memory_options(memory, every)
        self.memory, self.every = memory, every
        names, shapes = self.function.cell.weights, self.function.cell.weight_shapes(hidden_size)
        if unknown := (init or {}).keys() - set(names):
            raise ValueError(f"init has {', '.join(sorted(unknown))}, expected only {', '.join(names) or 'no weights'}")
        self.init = dict(init or {})
        for name, shape in zip(names, shapes, strict=True):
            self.register_parameter(name, nn.Parameter(torch.empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        with torch.no_grad():
            for name, weight in self.named_parameters():
                self.init.get(name, nn.init.uniform_)(weight)

    def call(self, x: Tensor, state: State | None) -> Call:
        initial = dict(zip(self.state_names, self.states(state), strict=True))
        weights = [getattr(self, name) for name in self.function.cell.weights]
        options = {"batch_first": self.batch_first, "memory": self.memory, "every": self.every}
        return self.function.call(x, *weights, **initial, **options)

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return _empty, (self.function,), self.__dict__


def _empty(function: "OwnRecurrence") -> DerivedRecurrence:
    """A module without parameters, for pickle and deepcopy to fill."""
    return function.Recurrence.__new__(function.Recurrence)


@cache
def _own(cell: Cell, reference: Reference) -> "OwnRecurrence":
    return OwnRecurrence(cell, reference)


class OwnRecurrence(CellFunction):
    """A recurrence defined by one C++ function, called as a function; created by :func:`indrnn_cupy.recurrence`.

    Attributes:
        Recurrence: the class of its module, like :class:`indrnn_cupy.IndRNNRecurrence` for IndRNN, to be used in
            networks: `PlainNetwork(..., recurrence=leaky.Recurrence)`.
    """

    def __init__(self, cell: Cell, reference: Reference = None) -> None:
        super().__init__(cell, reference)
        self.Recurrence = _class(self, self.cell)

    def __reduce__(self) -> tuple[Any, ...]:
        return _of, (self.cell, self.reference)

    def layer(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        init: Initial | None = None,
        memory: str = "store",
        every: int | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> RecurrentStack:
        """A stack of layers, each a projection to all inputs and the recurrence, with the arguments of `torch.nn.RNN`.

        `init`, `memory` and `every`: as in :class:`DerivedRecurrence`.
        """
        arguments = input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional, device, dtype
        return RecurrentStack(*arguments, self.Recurrence, init=init, memory=memory, every=every)


def _of(cell: Cell, reference: Reference) -> OwnRecurrence:
    """The single recurrence of a text, however often it is created, copied or unpickled."""
    return _own(OWN.setdefault(cell.key, cell), reference)


def _class(function: OwnRecurrence, cell: Cell) -> type[DerivedRecurrence]:
    words = {*dir(nn.Module()), *dir(DerivedRecurrence), *MODULE_WORDS}
    if taken := [name for name in cell.weights if name in words]:
        raise KernelSignatureError(
            f"{cell.file}: {cell.name} has a weight {taken[0]}, a name of torch.nn.Module; rename it"
        )
    name = f"{cell.name.title().replace('_', '')}Recurrence"
    return type(
        name,
        (DerivedRecurrence,),
        {
            "function": function,
            "gates": len(cell.inputs),
            "outputs": cell.parts,
            "state_names": tuple(f"{name}0" for name in cell.states),
            "__doc__": function.__doc__,
        },
    )


def recurrence(
    path: str | os.PathLike[str] | None = None,
    *,
    source: str | None = None,
    define: Mapping[str, Any] | None = None,
    reference: Reference = None,
) -> OwnRecurrence:
    """Creates a recurrence from one C++ function, its forward step; kernels and gradients are derived from it::

        // leaky.cu: a leaky unit moves part of the way from its state to a new candidate.
        #include "cell.cuh"

        INLINE auto leaky(Input auto x, Weight auto u, Weight auto rate, State auto h) {
            return fma(rate, tanh(fma(u, h, x)) - h, h);
        }

        leaky = indrnn_cupy.recurrence("leaky.cu")
        y, h_n = leaky(x, u, rate)            # x (T, B, H), u and rate (H,): y (T, B, H), h_n (B, H)
        layer = leaky.layer(64, 128)          # as torch.nn.RNN

    Args:
        path: a `.cu` file; `kernels/cell.cuh` says what it may contain.
        source: its text, in place of the path.
        define: macros for compiling the text, such as `{"ACTIVATION": "Tanh", "ORDER": 3}`; with ACTIVATION, a struct
            of `activation.cuh`, the text may call `activation(x)`.
        reference: one step in PyTorch, which takes the inputs of a step, the weights and the states, and returns the
            next state, or a tuple of several; if the output is not a state, the output and the state. It runs, slowly,
            if there is no compiler; without it, an error says what is missing.

    Returns a function `f(*inputs, *weights, h0=None, lengths=None, resets=None, reverse=False, batch_first=False,
    memory="store", every=None, chunk=None)` that returns `(y, h_n)`, or `(y, (h_n, c_n))` with several states; see
    :class:`OwnRecurrence`. The options are as in :func:`indrnn_cupy.functional.irevrnn` and
    :func:`indrnn_cupy.functional.mingru`.

    Raises:
        KernelError: if the file declares no such function or does not compile; the message names the file and line.
    """
    return _of(read_cell(path, source, define), reference)
