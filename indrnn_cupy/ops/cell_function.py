"""The autograd functions of recurrences defined by one function."""

from collections.abc import Sequence
from typing import Any

import torch

from . import cell_vmap  # noqa: F401  # its rules
from .cell_backward import backward, backward_op
from .cell_forward import forward, forward_op
from .cell_kernels import kernels
from .cell_tangent import tangent_op
from .cells import cell_of, facts
from .launch import prepare
from .recurrence import backward_once, can_call_directly, needs_gradient, transformed


def split(tensors: Sequence[Any], *sizes: int) -> list[Any]:
    """Splits tensors into groups of these sizes, and the rest if there is any."""
    groups, start = [], 0
    for size in sizes:
        groups.append(tensors[start : start + size])
        start += size
    return [*groups, tensors[start:]] if start < len(tensors) else groups


def compute(op, key, counts, options, lengths, resets, *tensors):
    """The output, the last states, and the states to save."""
    x, weights, initial = split(tensors, *counts)
    y, *found = op(key, x, weights, initial, lengths, resets, *options)
    states, last = found[: -len(initial)], found[-len(initial) :]
    return y, *last, *states


def inputs_to_save(key, x):
    """The input tensors that backward reads: some of them, or the one that holds all inputs."""
    places, inputs, *_ = facts(key)
    return [x[n] for n in places] if len(x) == inputs else x[: len(places)]


def save(ctx, arguments, found):
    """Saves what backward reads."""
    _, key, counts, options, lengths, resets, *tensors = arguments
    x, weights, initial = split(tensors, *counts)
    saved = inputs_to_save(key, x)
    states = found[1 + len(initial) :]
    seen = states if facts(key)[2] else (found[0], *states)
    ctx.save_for_backward(*saved, *weights, *initial, *seen, lengths, resets)
    ctx.mark_non_differentiable(*states)
    ctx.set_materialize_grads(False)
    ctx.key, ctx.options, ctx.sizes, ctx.parts = key, options, (len(saved), len(weights), len(initial)), len(x)
    ctx.shape = found[0].shape


class CellFunction(torch.autograd.Function):
    """Saves what backward reads: inputs, weights and states."""

    @staticmethod
    def forward(ctx, *arguments):
        found = compute(*arguments)
        save(ctx, arguments, found)
        return found

    @staticmethod
    def backward(ctx, grad_y, *grads):
        *tensors, lengths, resets = ctx.saved_tensors
        x, weights, initial, states = split(tensors, *ctx.sizes)
        grad_last, n_x = grads[: len(initial)], ctx.parts
        if grad_y is None:  # only last states are used: zeros that take no memory
            grad_y = states[0].new_zeros(ctx.shape[-1]).expand(ctx.shape)
        op = backward if can_call_directly(grad_y) else backward_op
        found = backward_once(
            op, ctx.key, grad_y, grad_last, x, weights, initial, states, lengths, resets, *ctx.options, n_x, 0
        )
        after = n_x + len(weights)
        of_states = (None if s is None else g for s, g in zip(initial, found[after:], strict=True))
        return None, None, None, None, None, None, *found[:after], *of_states


class TransformedCellFunction(CellFunction):
    """The same for torch.func and forward mode, with more overhead."""

    generate_vmap_rule = True
    forward = staticmethod(compute)

    @staticmethod
    def setup_context(ctx, inputs, output):
        save(ctx, inputs, output)
        _, _, ctx.counts, _, lengths, resets, *tensors = inputs
        ctx.save_for_forward(*tensors, lengths, resets)

    @staticmethod
    def jvp(ctx, *directions):
        *tensors, lengths, resets = ctx.saved_tensors
        x, weights, initial = split(tensors, *ctx.counts)
        along = [
            d if d is not None or t is None else torch.zeros_like(t)
            for d, t in zip(directions[6:], tensors, strict=True)
        ]
        d_x, d_weights, d_initial = split(along, *ctx.counts)
        reverse, *_ = ctx.options
        tensors = x, weights, initial, d_x, d_weights, d_initial, lengths, resets
        found = backward_once(tangent_op, ctx.key, *tensors, reverse)
        return *found, *([None] * facts(ctx.key)[-1])


def run(key, x, weights, initial, lengths, resets, reverse, chunk=None, every=1):
    """The output and the last states of the recurrence `key`; x: its inputs, one by one or joined.

    The states of every `every`-th step are saved for backward.
    """
    op = forward if can_call_directly(x[0]) else forward_op
    function = TransformedCellFunction if op is forward_op and transformed() else CellFunction
    if function is CellFunction and not needs_gradient(*x, *weights, *initial):
        found = op(key, x, weights, initial, lengths, resets, reverse, chunk, 0)
        return found[0], *found[-len(initial) :]
    if op is forward:
        made = kernels(cell_of(key))
        later = (made.backward, made.states) if every > 1 else (made.backward,)
        prepare(later, x[0], facts(key)[1] // len(x), resets is not None)
    options = reverse, chunk, every
    found = function.apply(op, key, (len(x), len(weights)), options, lengths, resets, *x, *weights, *initial)
    return found[: 1 + len(initial)]
