"""The ops of cells under torch.func.vmap: the mapped dimension joins the batch, or the hidden units, of one launch."""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from .cell_backward import backward_op
from .cell_forward import forward_op
from .cell_tangent import tangent_op
from .cells import cell_of, kept_inputs, one_by_one

# The dimensions of rows and units in the tensors of an argument; None if there is none.
SEQUENCE, STATE, WEIGHT, LENGTHS, RESETS = (1, 2), (0, 1), (None, -1), (0, None), (1, None)
ROWS, UNITS = 0, 1
Place = tuple[int | None, int | None]


def in_front(argument: Any, dims: Any, size: int) -> Any:
    """A tensor, or each in a list, with the mapped dimension in front; None unchanged."""
    if argument is None:
        return None
    if not isinstance(argument, Tensor):
        return [in_front(t, d, size) for t, d in zip(argument, dims, strict=True)]
    return argument.expand(size, *argument.shape) if dims is None else argument.movedim(dims, 0)


def fold(argument: Any, place: Place, into: int) -> Any:
    """A tensor, or each in a list, with its first dimension folded into that of rows or units."""
    if argument is None:
        return None
    if not isinstance(argument, Tensor):
        return [fold(t, place, into) for t in argument]
    axis = place[into]
    if axis is None:
        return argument[0]
    axis %= argument.dim() - 1
    return argument.movedim(0, axis).flatten(axis, axis + 1)


def unfold(tensor: Tensor, place: Place, into: int, size: int) -> Tensor:
    """A tensor with the mapped dimension in front again."""
    axis = place[into]
    assert axis is not None
    axis %= tensor.dim()
    return tensor.unflatten(axis, (size, tensor.shape[axis] // size)).movedim(axis, 0)


def each_alone(op: Callable[..., list[Tensor]], size: int, dims: Sequence[Any], arguments: Sequence[Any]) -> Any:
    """Calls the op once for each element, if weights are mapped and lengths or resets too."""

    def one(argument: Any, dim: Any, i: int) -> Any:
        if isinstance(argument, list | tuple):
            return [one(a, d, i) for a, d in zip(argument, dim, strict=True)]
        return argument if dim is None else argument.select(dim, i)

    found = [op(*(one(a, d, i) for a, d in zip(arguments, dims, strict=True))) for i in range(size)]
    return [torch.stack(results) for results in zip(*found, strict=True)], [0] * len(found[0])


def fold_target(key: str, dims: Sequence[Any], weights: int, steps: int) -> int | None:
    """What to fold the mapped dimension into, or None; `weights`, `steps`: the positions of these in `dims`."""
    if all(d is None for d in dims[weights]):
        return ROWS
    if cell_of(key).parts > 1:  # its units are not contiguous in the output
        return None
    return UNITS if all(d is None for d in dims[steps : steps + 2]) else None


def folded(places: Sequence[Place], into: int, size: int, dims: Sequence[Any], arguments: Sequence[Any]) -> list[Any]:
    found = zip(arguments, dims, places, strict=False)
    return [fold(in_front(argument, dim, size), place, into) for argument, dim, place in found]


def separate(key: str, x: list[Tensor], dims: list[int | None], size: int) -> tuple[list[Tensor], list[int]]:
    """Splits inputs that are side by side in one tensor."""
    parts = one_by_one(cell_of(key), in_front(x, dims, size))
    return parts, [0] * len(parts)


def _forward(info, dims, key, x, *arguments):
    if (into := fold_target(key, dims, 2, 4)) is None:
        return each_alone(forward_op, info.batch_size, dims, (key, x, *arguments))
    x, x_dims = separate(key, x, dims[1], info.batch_size) if into == UNITS else (x, dims[1])
    places = SEQUENCE, WEIGHT, STATE, LENGTHS, RESETS
    tensors = folded(places, into, info.batch_size, (x_dims, *dims[2:]), (x, *arguments))
    found = forward_op(key, *tensors, *arguments[4:])
    sequences = len(found) - len(cell_of(key).states)
    return unfolded([SEQUENCE] * sequences, STATE, found, into, info.batch_size)


def unfolded(places, rest, found, into, size):
    """The outputs with the mapped dimension in front, and its position; None for empty outputs."""
    places = [*places, *([rest] * (len(found) - len(places)))]
    empty = [t.dim() == 1 and not t.numel() for t in found]
    outputs = [t if e else unfold(t, p, into, size) for t, p, e in zip(found, places, empty, strict=True)]
    return outputs, [None if e else 0 for e in empty]


def _tangent(info, dims, key, x, w, s, d_x, d_w, d_s, *steps):
    arguments = (x, w, s, d_x, d_w, d_s, *steps)
    if (into := fold_target(key, ((), (*dims[2], *dims[5]), *dims[7:9]), 1, 2)) is None:
        return each_alone(tangent_op, info.batch_size, dims, (key, *arguments))
    (x, x_dims), (d_x, d_dims) = (x, dims[1]), (d_x, dims[4])
    if into == UNITS:
        (x, x_dims), (d_x, d_dims) = (separate(key, t, d, info.batch_size) for t, d in ((x, x_dims), (d_x, d_dims)))
    places = SEQUENCE, WEIGHT, STATE, SEQUENCE, WEIGHT, STATE, LENGTHS, RESETS
    arranged = (x_dims, *dims[2:4], d_dims, *dims[5:])
    tensors = folded(places, into, info.batch_size, arranged, (x, w, s, d_x, d_w, d_s, *steps))
    return unfolded([SEQUENCE], STATE, tangent_op(key, *tensors, steps[2]), into, info.batch_size)


def _backward(info, dims, key, grad_y, grad_last, x, *arguments):
    size, cell, (*options, parts, groups) = info.batch_size, cell_of(key), arguments[5:]
    if (into := fold_target(key, dims, 4, 7)) is None:
        return each_alone(backward_op, size, dims, (key, grad_y, grad_last, x, *arguments))
    x_dims, n_x = dims[3], parts
    if into == UNITS and parts != len(cell.inputs):
        x, n_x = kept_inputs(cell, in_front(x, x_dims, size), parts), len(cell.inputs)
        x_dims = [0] * len(x)
    places = SEQUENCE, STATE, SEQUENCE, WEIGHT, STATE, SEQUENCE, LENGTHS, RESETS
    tensors = folded(places, into, size, (*dims[1:3], x_dims, *dims[4:]), (grad_y, grad_last, x, *arguments))
    found = backward_op(key, *tensors, *options, n_x, size * max(1, groups) if into == ROWS else groups)
    of_x, of_weights, of_states = found[:n_x], found[n_x : n_x + len(cell.weights)], found[n_x + len(cell.weights) :]
    of_x = [unfold(g, SEQUENCE, into, size) for g in of_x]
    of_x = [torch.cat(of_x, -1)] if n_x != parts else of_x
    if into == UNITS:
        of_weights = [unfold(g, WEIGHT, into, size) for g in of_weights]
    elif groups:
        of_weights = [g.unflatten(0, (size, groups)) for g in of_weights]
    of_states, state_dims = unfolded([], STATE, of_states, into, size)
    return [*of_x, *of_weights, *of_states], [*([0] * (len(of_x) + len(of_weights))), *state_dims]


torch.library.register_vmap(forward_op, _forward)
torch.library.register_vmap(backward_op, _backward)
torch.library.register_vmap(tangent_op, _tangent)
