"""How a function comes from its arguments to its op or, without a compiler, to the plain form."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from ..ops import cell_function
from .checks import check_like, check_sequence, check_state, check_steps, compiled, flat

Named = Mapping[str, Tensor]


def run(
    key: str,
    plain: Callable[..., Any] | None,
    inputs: int,
    x: Named,
    weights: Mapping[str, tuple[Tensor, int | None]],
    initial: Mapping[str, Tensor | None],
    *,
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    batch_first: bool,
    chunk: int | None = None,
    every: int = 1,
) -> tuple[Tensor, Any]:
    """The output and the last state, of several a tuple, of the recurrence that the ops call `key`.

    Args:
        plain: the same in PyTorch, which takes lengths, resets, reverse and batch_first.
        inputs: how many the recurrence has; `x` has them one by one, or side by side in one tensor.
        weights: each with its number of rows, or None if it is (H,).
    """
    (name, first), *others = x.items()
    B, width = check_sequence(name, first, batch_first)
    gates = inputs if len(x) == 1 else 1
    if width % gates:
        raise ValueError(f"{name} has shape {tuple(first.shape)}, expected {gates} numbers for each hidden unit")
    H = width // gates
    for name, tensor in others:
        check_like(name, tensor, tuple(first.shape), first, [first.dtype])
    for name, (tensor, rows) in weights.items():
        check_like(name, tensor, (H,) if rows is None else (rows, H), first)
    for name, state in initial.items():
        check_state(name, state, (B, H), first)
    steps = check_steps(first, lengths, resets, reverse, batch_first)
    tensors = [w for w, _ in weights.values()], list(initial.values())

    def kernel(*sequences: Tensor, **steps: Any) -> tuple[Tensor, ...]:
        return cell_function.run(key, sequences, *tensors, **steps, chunk=chunk, every=every)

    y, *last = by_kernel_or_plain(kernel, plain, key.partition("-")[0], list(x.values()), steps, batch_first)
    return y, last[0] if len(last) == 1 else tuple(last)


def by_kernel_or_plain(
    kernel: Callable[..., Sequence[Tensor]],
    plain: Callable[..., Any] | None,
    name: str,
    x: list[Tensor],
    steps: dict[str, Any],
    batch_first: bool,
) -> list[Tensor]:
    """The outputs of a recurrence, by its op or, where no kernel can run, by the plain form if there is one."""
    if not compiled(x[0].device, "" if plain else name):
        assert plain
        return list(flat(plain(**steps, batch_first=batch_first)))
    if not batch_first:
        return list(kernel(*x, **steps))
    steps |= {"resets": None if steps["resets"] is None else steps["resets"].transpose(0, 1)}
    outputs = kernel(*(t.transpose(0, 1) for t in x), **steps)
    return [o.transpose(0, 1) if o.dim() == 3 else o for o in outputs]
