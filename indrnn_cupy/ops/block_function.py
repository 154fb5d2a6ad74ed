"""recurrence -> norm -> dropout as one autograd function.

    z = ((y - mean) * rate + bias) * mask,  rate = weight / sqrt(variance + eps)

The gradient of y is rate * mask * grad_z + (y - mean) * by_output + all, the last two terms only if the statistics are
computed from y.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from .cell_backward import backward, block_backward_op
from .cell_forward import block_forward_op, forward
from .cell_function import inputs_to_save, split
from .cell_kernels import block_kernels
from .cells import cell_of, facts
from .launch import prepare
from .norm import NORMALIZE, PASSES, SUMS, UNIT_SUMS, normalize, normalize_op, normalize_sums, normalize_sums_op
from .recurrence import backward_once, can_call_directly, needs_gradient
from .sequence import TYPES


class Norm(NamedTuple):
    """A batch norm over all steps, and a dropout; either may be absent."""

    weight: Tensor | None  # (H,)
    bias: Tensor | None
    mean: Tensor | None  # the running statistics
    variance: Tensor | None
    mask: Tensor | None  # (B, H), of a dropout
    added: Tensor | None  # a bias added to the inputs, side by side
    measured: bool = False  # the statistics are computed from the output
    eps: float = 1e-5
    all_reduce: Callable[[Tensor], Tensor] | None = None  # a sum over processes


class NormFactors(NamedTuple):
    """The factors of a norm as kernels read them."""

    mean: Tensor  # (H,) each
    rate: Tensor
    bias: Tensor
    mask: Tensor | None  # (B, H)


def norm_factors(norm: Norm, mean: Tensor, inverse: Tensor, real: torch.dtype) -> NormFactors:
    """`inverse`: 1 / sqrt(variance + eps)."""
    mask = None if norm.mask is None else norm.mask.to(real)
    if norm.weight is None or norm.bias is None:
        return NormFactors(mean.to(real), torch.ones_like(mean, dtype=real), torch.zeros_like(mean, dtype=real), mask)
    return NormFactors(mean.to(real), (inverse * norm.weight).to(real), norm.bias.to(real), mask)


def running_statistics(norm: Norm, H: int, like: Tensor) -> tuple[Tensor, Tensor]:
    """The running mean and variance, zeros if there are none."""
    if norm.mean is None or norm.variance is None:
        return (like.new_zeros(H),) * 2
    return norm.mean, norm.variance


def inverse_of(variance: Tensor, norm: Norm) -> Tensor:
    return (variance.double() + norm.eps).rsqrt()


def over_processes(statistics: Tensor, all_reduce: Callable[[Tensor], Tensor]) -> Tensor:
    """The statistics over all processes."""
    mean, variance, count = statistics
    counts = all_reduce(count)
    mean_of_all = all_reduce(mean * count) / counts.clamp(min=1)
    spread = all_reduce((variance + (mean - mean_of_all).square()) * count)
    return torch.stack((mean_of_all, spread / counts.clamp(min=1), counts))


class BlockFunction(torch.autograd.Function):
    """Saves what the backward of the recurrence reads, its output, and factors of units and lanes."""

    @staticmethod
    def forward(ctx, direct, key, counts, options, settings, lengths, resets, *tensors):
        norm, tensors = Norm(*tensors[:6], *settings), tensors[6:]
        x, weights, initial = split(tensors, *counts)
        op: Any = forward if direct else block_forward_op
        y, *found = op(key, x, weights, initial, lengths, resets, *options, norm.measured, [], norm.added)
        statistics: Any = None
        certain = lengths is None and not norm.all_reduce  # that there are two or more steps
        if norm.measured:
            statistics = found.pop()
            if norm.all_reduce:
                statistics = over_processes(statistics, norm.all_reduce)
        if norm.measured and certain:
            mean, variance = statistics[0], statistics[1]
        else:
            mean, variance = running_statistics(norm, y.shape[-1], y)
            mean = mean.clone()  # it may have changed when backward reads it
        if norm.measured and not certain:
            mean, variance = torch.where(statistics[2] > 1, statistics[:2], torch.stack((mean, variance)))
        inverse = inverse_of(variance, norm)
        n = norm_factors(norm, mean, inverse, TYPES[y.dtype][2])
        states, last = found[: -len(initial)], found[-len(initial) :]
        seen = states if facts(key)[2] else (y, *states)
        kept = inputs_to_save(key, x)
        count = None if statistics is None or certain else statistics[2]
        of_norm = norm.weight, norm.added, inverse, count
        ctx.save_for_backward(*kept, *weights, *initial, *seen, y, n.mean, n.rate, n.mask, *of_norm, lengths, resets)
        if statistics is not None:
            ctx.mark_non_differentiable(statistics)
        ctx.set_materialize_grads(False)
        ctx.direct, ctx.key, ctx.options, ctx.settings = direct, key, options, settings
        ctx.sizes, ctx.parts = (len(kept), len(weights), len(initial), len(seen)), len(x)
        return (normalize if direct else normalize_op)(y, *n, lengths), *last, statistics

    @staticmethod
    def backward(ctx, grad_z, *grads):
        saved, normed = ctx.saved_tensors, grad_z is not None
        if not normed:  # only last states are used
            y = saved[sum(ctx.sizes)]
            grad_z = y.new_zeros(y.shape[-1]).expand(y.shape)
        found = backward_once(partial(gradients, ctx, normed), grad_z, grads[:-1], saved)
        return *[None] * 7, *found


def gradients(ctx: Any, normed: bool, grad_z: Tensor, grad_last: Any, saved: Any) -> list[Any]:
    """The gradients of the tensors of the norm and of the recurrence; `normed`: z has a gradient."""
    x, weights, initial, states, rest = split(saved, *ctx.sizes)
    y, mean, rate, mask, weight, added, inverse, count, lengths, resets = rest
    measured, _, all_reduce = ctx.settings
    op: Any = backward if ctx.direct else block_backward_op
    add_up: Any = normalize_sums if ctx.direct else normalize_sums_op
    of_scale, of_weight, of_bias = [rate, mask], None, None
    if weight is not None and normed and (measured or any(ctx.needs_input_grad[7:9])):
        sums = add_up(grad_z, y, mean, mask, lengths)
        of_weight, of_bias = (sums[1] * inverse).to(weight.dtype), sums[0].to(weight.dtype)
        if measured:
            total, products = all_reduce(sums) if all_reduce else sums
            share = inverse * weight / -(y.shape[0] * y.shape[1])
            if count is not None:
                share = torch.where(count > 1, inverse * weight / -count.clamp(min=1), 0)
            by_output, by_all = share * inverse.square() * products, share * total
            of_scale += [mean, by_output.to(mean.dtype), by_all.to(mean.dtype)]
    found = op(
        *(ctx.key, grad_z, list(grad_last), x, weights, initial, states, lengths, resets, *ctx.options, ctx.parts, 0),
        *(of_scale, y if facts(ctx.key)[2] else None, added),
    )
    of_added = None if added is None else found[-1]
    after = ctx.parts + len(weights)
    of_states = (None if s is None else g for s, g in zip(initial, found[after : after + len(initial)], strict=True))
    return [of_weight, of_bias, None, None, None, of_added, *found[:after], *of_states]


def prepare_later(key: str, x: Sequence[Tensor], resets: bool, every: int, norm: Norm) -> None:
    """Starts compiling the kernels that run after the forward pass of a recurrence."""
    made, parts = block_kernels(cell_of(key), norm.added is not None), facts(key)[1] // len(x)
    backward = made.of_normalized if norm.measured else made.of_scaled
    prepare((backward, made.states) if every > 1 else (backward,), x[0], parts, resets)
    prepare(PASSES if norm.measured else (NORMALIZE, SUMS, UNIT_SUMS), x[0], parts, False)


def run(key, x, weights, initial, lengths, resets, reverse, every, norm):
    """z, the last states and, if computed from the output, the statistics, (3, H): mean, variance and count."""
    direct = can_call_directly(x[0])
    tensors = *x, *weights, *initial
    if norm.measured or needs_gradient(*tensors, norm.weight, norm.bias, norm.added):
        if direct:
            prepare_later(key, x, resets is not None, every, norm)
        counts, options = (len(x), len(weights)), (reverse, 0, every)
        found = BlockFunction.apply(direct, key, counts, options, norm[6:], lengths, resets, *norm[:6], *tensors)
        return found if norm.measured else found[:-1]
    op = forward if direct else block_forward_op
    H = x[0].shape[-1] // (facts(key)[1] if len(x) == 1 else 1)
    mean, variance = running_statistics(norm, H, x[0])
    n = norm_factors(norm, mean, inverse_of(variance, norm), TYPES[x[0].dtype][2])
    found = op(key, x, weights, initial, lengths, resets, reverse, 0, 0, False, list(n), norm.added)
    return found[0], *found[-len(initial) :]
