"""The derivative of a recurrence along a direction, for forward mode."""

from torch import Tensor

from .cell_forward import last_type, output_like
from .cell_kernels import kernels
from .cells import cell_of, one_by_one
from .launch import launch
from .recurrence import as_contiguous, register, unit_stride
from .sequence import TYPES, Steps


def _tangent(
    key: str,
    x: list[Tensor],
    weights: list[Tensor],
    initial: list[Tensor | None],
    d_x: list[Tensor],
    d_weights: list[Tensor],
    d_initial: list[Tensor | None],
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
) -> list[Tensor]:
    """The derivatives of the output and the last states along the directions d_x, d_weights and d_initial."""
    cell = cell_of(key)
    inputs, d_inputs = (one_by_one(cell, [unit_stride(part) for part in parts]) for parts in (x, d_x))
    first = inputs[0]
    real = TYPES[first.dtype][2]
    w, d_w = ([as_contiguous(t, real) for t in tensors] for tensors in (weights, d_weights))
    s, d_s = ([None if t is None else as_contiguous(t, real) for t in tensors] for tensors in (initial, d_initial))
    d_y, d_last = output_like(first, cell.parts), [first.new_empty(first.shape[1:], dtype=real) for _ in s]
    if first.numel() == 0:
        d_last = [first.new_zeros(first.shape[1:]) if d is None else d.clone() for d in d_s]
    else:
        kernel, steps = kernels(cell).tangent, Steps(lengths, resets, reverse)
        launch(kernel, kernel.defines, steps, (*inputs, *d_inputs, *w, *d_w, *s, *d_s, d_y, *d_last))
    return [d_y, *(d.to(last_type(first, s)) for d, s in zip(d_last, initial, strict=True))]


def _fake(key, x, weights, initial, *_):
    cell = cell_of(key)
    first = one_by_one(cell, [unit_stride(part) for part in x])[0]
    last = (first.new_empty(first.shape[1:], dtype=last_type(first, s)) for s in initial)
    return [output_like(first, cell.parts), *last]


tangent_op = register(
    "cell_tangent",
    "(str cell, Tensor[] x, Tensor[] weights, Tensor?[] initial, Tensor[] d_x, Tensor[] d_weights, "
    "Tensor?[] d_initial, Tensor? lengths, Tensor? resets, bool reverse) -> Tensor[]",
    _tangent,
    _fake,
)
