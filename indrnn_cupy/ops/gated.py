"""The ops of recurrences whose step is linear in the state: minGRU, minLSTM, and h_t = a_t h_{t-1} + b_t itself.

Their inputs are sequences (T, B, H), given one by one, or side by side in one, (T, B, n H), as a matrix product makes
them; gradients come in the same form.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from .chunks import Summary
from .launch import launch
from .recurrence import backward_once, dense, empty_like, like, needs_gradient, register
from .sequence import SequenceKernel, Steps, sequence_kernel


class Gated(NamedTuple):
    """The kernels of one of these recurrences."""

    inputs: int
    forward: SequenceKernel
    backward: SequenceKernel
    forward_chunks: Summary
    backward_chunks: Summary

    @property
    def summaries(self) -> tuple[SequenceKernel, ...]:
        return self.forward_chunks.kernel, self.backward_chunks.kernel


def gated(file: str, name: str, inputs: tuple[str, ...]) -> Gated:
    """The kernels of a file, whose inputs have these names."""
    read, written = (
        ", ".join(pattern.format(i) for i in inputs) for pattern in ("const scalar* {}", "scalar* grad_{}")
    )
    after = len(inputs)

    def kernel(what: str, tensors: str, *sequences: str) -> SequenceKernel:
        return sequence_kernel(file, f"{name}_{what}", tensors, sequences)

    return Gated(
        after,
        kernel("forward", f"{read}, const state* h0, scalar* y, scalar* h_n", *inputs, "y"),
        kernel(
            "backward",
            f"const scalar* grad_y, const state* grad_h_n, const scalar* y, {read}, const scalar* h0, {written}, "
            "scalar* grad_h0",
            *("grad_y", "y", *inputs, *(f"grad_{i}" for i in inputs)),
        ),
        Summary(
            kernel("forward_summary", f"{read}, real* summary", *inputs),
            takes=tuple(range(after)),
            start=after,
            clamped=False,
        ),
        Summary(
            kernel("backward_summary", f"const scalar* grad_y, {read}, real* summary", "grad_y", *inputs),
            takes=(0, *range(3, 3 + after)),
            start=1,
            clamped=False,
        ),
    )


KERNELS = {
    "mingru": gated("mingru.cu", "mingru", ("gate", "candidate")),
    "minlstm": gated("minlstm.cu", "minlstm", ("forget", "input", "candidate")),
    "linear_recurrence": gated("linear.cu", "linear", ("a", "b")),
}


def cell(activation: str) -> tuple[str, ...]:
    """The defines that choose the cell's mathematics."""
    return (f"ACTIVATION={activation.capitalize()}",) if activation else ()


def one_by_one(name: str, x: Sequence[Tensor]) -> list[Tensor]:
    return list(x[0].chunk(KERNELS[name].inputs, -1)) if len(x) == 1 else list(x)


def _forward(
    name: str,
    x: list[Tensor],
    h0: Tensor | None,
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    activation: str,
    chunk: int | None,
) -> tuple[Tensor, Tensor]:
    inputs = one_by_one(name, [dense(part) for part in x])
    first, kernels = inputs[0], KERNELS[name]
    y, h_n = empty_like(first), first.new_empty(first.shape[1:])
    h0 = None if h0 is None else like(h0, first.dtype)
    if first.numel() == 0:
        return y, h_n.zero_() if h0 is None else h_n.copy_(h0)
    steps = Steps(lengths, resets, reverse, chunk)
    launch(kernels.forward, cell(activation), steps, (*inputs, h0, y, h_n), kernels.forward_chunks)
    return y, h_n


def _backward(
    name: str,
    grad_y: Tensor,
    grad_h_n: Tensor | None,
    y: Tensor,
    x: list[Tensor],
    h0: Tensor | None,
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    activation: str,
    chunk: int | None,
) -> list[Tensor]:
    x, y, grad_y, kernels = [dense(part) for part in x], dense(y), dense(grad_y), KERNELS[name]
    grad_x, state = [empty_like(part) for part in x], y.shape[1:]
    grad_h_n = None if grad_h_n is None else like(grad_h_n, y.dtype)
    grad_h0 = None if h0 is None else y.new_empty(state)
    if y.numel() == 0:
        if grad_h0 is not None:
            grad_h0 = grad_h0.zero_() if grad_h_n is None else grad_h0.copy_(grad_h_n)
    else:
        before = y.new_zeros(state) if h0 is None else like(h0, y.dtype)
        inputs, gradients = one_by_one(name, x), one_by_one(name, grad_x)
        tensors = (grad_y, grad_h_n, y, *inputs, before, *gradients, grad_h0)
        steps = Steps(lengths, resets, reverse, chunk)
        launch(kernels.backward, cell(activation), steps, tensors, kernels.backward_chunks)
    return [*grad_x, y.new_empty(0) if h0 is None or grad_h0 is None else grad_h0.to(h0.dtype)]


def _fake_forward(name: str, x: list[Tensor], *_: object) -> tuple[Tensor, Tensor]:
    y = empty_like(one_by_one(name, [dense(part) for part in x])[0])
    return y, y.new_empty(y.shape[1:])


def _fake_backward(
    name: str, grad_y: Tensor, grad_h_n: Tensor | None, y: Tensor, x: list[Tensor], h0: Tensor | None, *_: object
) -> list[Tensor]:
    grad_h0 = y.new_empty(0) if h0 is None else torch.empty_like(h0, memory_format=torch.contiguous_format)
    return [*(empty_like(dense(part)) for part in x), grad_h0]


_OPTIONS = "Tensor? lengths, Tensor? resets, bool reverse, str activation, int? chunk"
forward_op = register(
    "gated_forward", f"(str name, Tensor[] x, Tensor? h0, {_OPTIONS}) -> (Tensor, Tensor)", _forward, _fake_forward
)
backward_op = register(
    "gated_backward",
    f"(str name, Tensor grad_y, Tensor? grad_h_n, Tensor y, Tensor[] x, Tensor? h0, {_OPTIONS}) -> Tensor[]",
    _backward,
    _fake_backward,
)


class GatedFunction(torch.autograd.Function):
    """Keeps y, the inputs and h0 for backward."""

    @staticmethod
    def forward(ctx, name, h0, lengths, resets, reverse, activation, chunk, *x):
        ctx.set_materialize_grads(False)
        y, h_n = forward_op(name, x, h0, lengths, resets, reverse, activation, chunk)
        ctx.save_for_backward(y, h0, lengths, resets, *x)
        ctx.name, ctx.options = name, (reverse, activation, chunk)
        return y, h_n

    @staticmethod
    def backward(ctx, grad_y, grad_h_n):
        y, h0, lengths, resets, *x = ctx.saved_tensors
        if grad_y is None:  # only h_n is used: zeros that take no memory
            grad_y = y.new_zeros(y.shape[-1]).expand(y.shape)
        *grad_x, grad_h0 = backward_once(
            backward_op, ctx.name, grad_y, grad_h_n, y, x, h0, lengths, resets, *ctx.options
        )
        return None, None if h0 is None else grad_h0, None, None, None, None, None, *grad_x


def run(name, x, h0, lengths, resets, reverse, activation="", chunk=None):
    """The outputs y and h_n of the recurrence of this name; x: its inputs, in either form."""
    if needs_gradient(*x, h0):
        return GatedFunction.apply(name, h0, lengths, resets, reverse, activation, chunk, *x)
    return forward_op(name, x, h0, lengths, resets, reverse, activation, chunk)


def mingru(x, h0, lengths, resets, reverse, activation, chunk):
    """See `functional.mingru`."""
    return run("mingru", [x], h0, lengths, resets, reverse, activation, chunk)


def minlstm(x, h0, lengths, resets, reverse, activation, chunk):
    """See `functional.minlstm`."""
    return run("minlstm", [x], h0, lengths, resets, reverse, activation, chunk)


def linear_recurrence(a, b, h0, lengths, resets, reverse, chunk):
    """See `functional.linear_recurrence`."""
    return run("linear_recurrence", [a, b], h0, lengths, resets, reverse, chunk=chunk)
