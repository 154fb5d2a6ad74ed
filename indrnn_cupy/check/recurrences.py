"""The table of recurrences, over which all shared tests and checks run. A new recurrence adds a row."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from .. import functional, reference
from ..ops import egru_forms
from ..ops.cell_kernels import block_kernels, kernels
from ..ops.cells import cell_of
from ..ops.chunks import Summary
from ..ops.norm import NORMALIZE, SUMS, UNIT_STATISTICS, UNIT_SUMS
from ..ops.sequence import SequenceKernel

SUB_STEPS = 3
LRU = "lru ACTIVATION=Tanh"
LIF = "SPIKE=spike_arctan RESET=soft FEEDBACK=identity"


@dataclass(frozen=True)
class Recurrence:
    name: str
    options: dict[str, Any]  # arguments of the function that choose the cell
    key: str | None  # the name of the cell in the ops; None if it is not one function
    make_inputs: Callable[..., tuple[Tensor, ...]]  # (T, B, H, dtype): sequences, weights, states
    states: int = 1  # number of states, at the end of the inputs
    form: str | None = None  # one of several implementations, for the function only
    exact: tuple[tuple[str, Any], ...] = ()  # options with which the gradient is the derivative

    @property
    def kernels(self) -> tuple[SequenceKernel, ...]:
        """In the order of their launches."""
        if self.key is None:
            return tuple(
                replace(kernel, defines=egru_forms.cell_defines(self.options["reset_mode"], 0.0, False))
                for kernel in EGRU
            )
        cell = cell_of(self.key)
        forward, backward, states, *_ = kernels(cell)
        return (forward, states, backward) if cell.more_states else (forward, backward)

    @property
    def all_kernels(self) -> dict[str, str]:
        """The option with which the function launches all kernels."""
        cell = cell_of(self.key) if self.key else None
        return {"memory": "recompute"} if cell and cell.more_states and len(cell.kept) == len(cell.inputs) else {}

    @property
    def block_kernels(self) -> tuple[SequenceKernel, ...]:
        """The kernels that run it with a norm and a dropout."""
        if self.key is None or cell_of(self.key).parts > 1:
            return ()
        cell = cell_of(self.key)
        several = 5 + (cell.more_states > 0)  # with the one that recomputes states
        with_norm, with_bias = (block_kernels(cell, biased)[:several] for biased in (False, True))
        return (*with_norm, *with_bias, NORMALIZE, SUMS, UNIT_STATISTICS, UNIT_SUMS)

    @property
    def chunks(self) -> tuple[Summary, ...]:
        """How chunks of time are summarised, forward and backward."""
        return tuple(filter(None, kernels(cell_of(self.key))[-2:])) if self.key else ()

    def __str__(self) -> str:
        return "-".join([self.name, *map(str, self.options.values()), *filter(None, [self.form])])

    @property
    def by_hand(self) -> bool:
        """Whether its file has a gradient written by hand."""
        return self.key is not None and cell_of(self.key).by_hand is not None

    def function(self, *inputs: Tensor, **options: Any) -> tuple[Tensor, ...]:
        options |= {"form": self.form} if self.form else {}
        return flat(getattr(functional, self.name)(*inputs, **self.options, **options))

    def reference(self, *inputs: Tensor, **options: Any) -> tuple[Tensor, ...]:
        return flat(getattr(reference, self.name)(*inputs, **self.options, **options))


def flat(outputs: tuple[Any, ...]) -> tuple[Tensor, ...]:
    """y and the states, one or a tuple, without other sequences between them."""
    y, *_, states = outputs
    return (y, states) if isinstance(states, Tensor) else (y, *states)


def _indrnn_inputs(T: int, B: int, H: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    return torch.randn(T, B, H, dtype=dtype), torch.rand(H, dtype=dtype) * 2 - 1, torch.randn(B, H, dtype=dtype)


def _whole_eighths(T: int, B: int, H: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """In 16 bits, values that are never rounded, for example to a bound of hardtanh, where the derivative jumps."""
    x, weight, h0 = _indrnn_inputs(T, B, H, dtype)
    if dtype.itemsize > 2:
        return x, weight, h0
    return (8 * x).round() / 8, (1.5 * weight).round(), (8 * h0).round() / 8


def _irevrnn_inputs(T: int, B: int, H: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    x, weight, h0 = _indrnn_inputs(T, B, H, dtype)
    a, b = torch.randn(SUB_STEPS, H, dtype=dtype) / 8, torch.rand(SUB_STEPS, H, dtype=dtype) / 8
    return x, weight, a, -b * a.sign(), h0, torch.randn(B, H, dtype=dtype)  # if states grew, so would rounding errors


def _gated_inputs(gates: int, T: int, B: int, H: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    return 2 * torch.randn(T, B, gates * H, dtype=dtype), torch.randn(B, H, dtype=dtype)


def _linear_inputs(T: int, B: int, H: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    x, _, h0 = _indrnn_inputs(T, B, H, dtype)
    return torch.rand(T, B, H, dtype=dtype) * 2 - 1, x, h0


def _egru_inputs(T: int, B: int, H: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Cells that stay away from their thresholds, where rounding would decide about events."""
    x = torch.randn(T, B, 3 * H, dtype=dtype) / 4
    x[..., :H] -= 3
    x[..., 2 * H :] += 1.5 * torch.randn(T, B, H, dtype=dtype).sign()
    weights = torch.randn(H, 3 * H, dtype=dtype) / (4 * max(1, H) ** 0.5), torch.randn(3 * H, dtype=dtype) / 8
    states = (torch.rand(B, H, dtype=dtype) - 0.5 for _ in range(2))
    event0 = torch.rand(B, H, dtype=dtype).round()
    return x, *weights, 0.3 + 0.1 * torch.rand(H, dtype=dtype), event0, *states


def _cell_inputs(key: str, T: int, B: int, H: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """The inputs of a cell side by side, weights from U(0, 1), and states."""
    cell = cell_of(key)
    weights = (torch.rand(shape, dtype=dtype) for shape in cell.weight_shapes(H))
    states = (torch.randn(B, H, dtype=dtype) for _ in cell.states)
    return torch.randn(T, B, len(cell.inputs) * H, dtype=dtype), *weights, *states


def _damped_inputs(key: str, T: int, B: int, H: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    """Inputs with weights for which states, and errors in them, do not grow."""
    cell, (x, *others) = cell_of(key), _cell_inputs(key, T, B, H, dtype)
    return x, *(w / 2 for w in others[: len(cell.weights)]), *others[len(cell.weights) :]


def _unicornn_inputs(T: int, B: int, H: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    x, w, step_size, _, *states = _cell_inputs("unicornn", T, B, H, dtype)
    return x, w, step_size / 16, *states


def _hgrn_complex_inputs(T: int, B: int, H: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    x, lower, angle, _, *states = _cell_inputs("hgrn_complex", T, B, H, dtype)
    return x, lower, angle, *states


def _lif_inputs(key: str, T: int, B: int, H: int, dtype: torch.dtype) -> tuple[Tensor, ...]:
    x, decay, _, threshold, *others = _cell_inputs(key, T, B, H, dtype)
    v0, *rest0 = others[-len(cell_of(key).states) :]
    if dtype.itemsize == 2:  # values that are never rounded, as rounding would decide about spikes
        x, decay, threshold, v0 = ((8 * x).round() / 8, decay.round(), (8 * threshold).round() / 8, v0.round())
    return x + 0.5, decay, threshold + 0.5, v0, *(t.sign() / 2 for t in rest0)


EGRU = (egru_forms.FORWARD, egru_forms.BACKWARD)
RECURRENCES = [
    Recurrence(
        "indrnn",
        {"activation": activation},
        f"indrnn ACTIVATION={activation.capitalize()}",
        _whole_eighths if activation == "hardtanh" else _indrnn_inputs,
    )
    for activation in ("relu", "tanh", "sigmoid", "hardtanh", "identity")
]
RECURRENCES += [
    Recurrence(
        "irevrnn",
        {"activation": activation, "inner_activation": inner},
        f"irevrnn ACTIVATION={activation.capitalize()} INNER={inner.capitalize()} REV_LEN={SUB_STEPS}",
        _irevrnn_inputs,
        states=2,
    )
    for activation, inner in (("relu", "tanh"), ("tanh", "sigmoid"))
]
RECURRENCES += [
    Recurrence(name, {"activation": phi}, f"{name} ACTIVATION={phi.capitalize()}", partial(_gated_inputs, gates))
    for name, gates, activations in (("mingru", 2, ("g", "tanh")), ("minlstm", 3, ("identity", "g")))
    for phi in activations
]
RECURRENCES.append(Recurrence("linear_recurrence", {}, "linear", _linear_inputs))
RECURRENCES += [
    Recurrence(name, options, key, partial(_cell_inputs, key), states=states)
    for name, options, key, states in (
        ("sru", {"activation": "tanh"}, "sru ACTIVATION=Tanh", 1),
        ("sru", {"skip": False}, "sru_alone ACTIVATION=Identity", 1),
        ("qrnn", {"pooling": "f"}, "qrnn_f", 1),
        ("qrnn", {"pooling": "fo"}, "qrnn_fo", 1),
        ("qrnn", {"pooling": "ifo"}, "qrnn_ifo", 1),
        ("indygru", {}, "indygru", 1),
        ("rglru", {}, "rglru", 1),
        ("hgrn", {}, "hgrn", 1),
    )
]
RECURRENCES += [
    Recurrence("indylstm", {}, "indylstm", partial(_damped_inputs, "indylstm"), states=2),
    Recurrence("lru", {"activation": "tanh"}, LRU, partial(_damped_inputs, LRU), states=2),
    Recurrence("unicornn", {"alpha": 0.9}, "unicornn", _unicornn_inputs, states=2),
    Recurrence("hgrn_complex", {}, "hgrn_complex", _hgrn_complex_inputs, states=2),
]
RECURRENCES += [
    Recurrence("lif", options, key, partial(_lif_inputs, key), states=states, exact=(("surrogate", "none"),))
    for options, key, states in (
        ({}, f"lif {LIF}", 1),
        ({"membrane": True}, f"lif_membrane {LIF}", 1),
        ({"membrane": True, "refractory": 2}, f"lif_refractory {LIF}", 2),
    )
]
RECURRENCES += [
    Recurrence(
        "egru",
        {"reset_mode": reset_mode},
        None,
        _egru_inputs,
        states=3,
        form=form,
        exact=(("dampening_factor", 0.0),),
    )
    for reset_mode, form in (("subtract_threshold", "events"), ("subtract_output", "dense"))
]
FIRST = list({recurrence.name: recurrence for recurrence in reversed(RECURRENCES)}.values())[::-1]  # one cell of each


def with_gradients(function: Callable[..., Any], inputs: tuple[Tensor, ...], **options: Any) -> list[Tensor]:
    """The outputs and the gradient of every input, for random gradients of all outputs."""
    leaves = [t.detach().requires_grad_() for t in inputs]
    outputs = function(*leaves, **options)
    generator = torch.Generator().manual_seed(1)
    cotangents = [torch.randn(o.shape, dtype=o.dtype, generator=generator, device="cpu").to(o.device) for o in outputs]
    depending = [(o, c) for o, c in zip(outputs, cotangents, strict=True) if o.requires_grad]  # not so if T is 0
    return [
        *outputs,
        *torch.autograd.grad([o for o, _ in depending], leaves, [c for _, c in depending], materialize_grads=True),
    ]
