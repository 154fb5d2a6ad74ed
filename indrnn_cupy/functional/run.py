"""Runs a recurrence by its op or, without a compiler, in plain PyTorch."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from torch import Tensor

from ..ops import block_function, cell_function
from ..ops.block_function import Norm
from .checks import check_like, check_sequence, check_state, check_steps, compiled, flat

Named = Mapping[str, Tensor]


class Call(NamedTuple):
    """A recurrence and its tensors.

    `plain` is the same in PyTorch, a function of lengths, resets, reverse and batch_first; `x` has the `inputs` one by
    one, or side by side in one tensor; each weight is paired with its number of rows, or None if it is (H,).
    """

    key: str  # its name in the ops
    plain: Callable[..., Any] | None
    inputs: int
    x: Named
    weights: Mapping[str, tuple[Tensor, int | None]]
    initial: Mapping[str, Tensor | None]
    chunk: int | None = None
    every: int = 1


def check_call(call: Call, batch_first: bool) -> None:
    """Raises TypeError or ValueError unless the tensors match."""
    (name, first), *others = call.x.items()
    B, width = check_sequence(name, first, batch_first)
    gates = call.inputs if len(call.x) == 1 else 1
    if width % gates:
        raise ValueError(f"{name} has shape {tuple(first.shape)}, expected {gates} elements for each hidden unit")
    H = width // gates
    for name, tensor in others:
        check_like(name, tensor, tuple(first.shape), first, [first.dtype])
    for name, (tensor, rows) in call.weights.items():
        check_like(name, tensor, (H,) if rows is None else (rows, H), first)
    for name, state in call.initial.items():
        check_state(name, state, (B, H), first)


def run(
    call: Call, *, lengths: Tensor | None, resets: Tensor | None, reverse: bool, batch_first: bool
) -> tuple[Tensor, Any]:
    """The output and the last state, or a tuple of several."""
    key, plain, _, x, weights, initial, chunk, every = call
    check_call(call, batch_first)
    (first, *_) = x.values()
    steps = check_steps(first, lengths, resets, reverse, batch_first)
    tensors = [w for w, _ in weights.values()], list(initial.values())

    def kernel(*sequences: Tensor, **steps: Any) -> tuple[Tensor, ...]:
        return cell_function.run(key, sequences, *tensors, **steps, chunk=chunk, every=every)

    y, *last = by_kernel_or_plain(kernel, plain, key.partition("-")[0], list(x.values()), steps, batch_first)
    return y, one_or_all(last)


def run_block(
    call: Call, norm: Norm, *, lengths: Tensor | None, resets: Tensor | None
) -> tuple[Tensor, Any, Sequence[Tensor]]:
    """The normalised output, the last state, and the statistics if they are computed from the output."""
    check_call(call, False)
    x = list(call.x.values())
    steps = check_steps(x[0], lengths, resets, False, False)
    weights, initial = [w for w, _ in call.weights.values()], list(call.initial.values())
    z, *found = block_function.run(call.key, x, weights, initial, **steps, every=call.every, norm=norm)
    return z, one_or_all(found[: len(initial)]), found[len(initial) :]


def one_or_all(states: Sequence[Tensor]) -> Any:
    return states[0] if len(states) == 1 else tuple(states)


def by_kernel_or_plain(
    kernel: Callable[..., Sequence[Tensor]],
    plain: Callable[..., Any] | None,
    name: str,
    x: list[Tensor],
    steps: dict[str, Any],
    batch_first: bool,
) -> list[Tensor]:
    """The outputs of a recurrence, by its op or, if no kernel can run, in plain PyTorch."""
    if not compiled(x[0].device, "" if plain else name):
        assert plain
        return list(flat(plain(**steps, batch_first=batch_first)))
    if not batch_first:
        return list(kernel(*x, **steps))
    steps |= {"resets": None if steps["resets"] is None else steps["resets"].transpose(0, 1)}
    outputs = kernel(*(t.transpose(0, 1) for t in x), **steps)
    return [o.transpose(0, 1) if o.dim() == 3 else o for o in outputs]
