"""The two forms of EGRU: all steps in one launch that makes use of events, or a matrix product at each step."""

import math

import torch
from torch import Tensor

from .launch import launch
from .recurrence import as_contiguous, sum_rows, unit_stride, widened
from .sequence import TYPES, Steps, Tensors, sequence_kernel
from .steps import earlier, one_at_a_time

FORWARD = sequence_kernel(
    "egru.cu",
    "egru_forward",
    "const scalar* x, const real* recurrent, const real* recurrent_bias, const real* threshold, const real* zoneout, "
    "const long long* seeds, real* products, real* event, real* cell, real* trace, scalar* y, scalar* cells, "
    "scalar* events, scalar* traces, scalar* gates",
    ("y", "x", "cells", "events", "traces", "gates"),
    block_per_row=True,
)
BACKWARD = sequence_kernel(
    "egru.cu",
    "egru_backward",
    "const scalar* grad_y, const scalar* grad_cells, const scalar* grad_events, const scalar* grad_traces, "
    "const scalar* y, const scalar* cells, const scalar* gates, const real* recurrent, const real* threshold, "
    "const real* zoneout, const long long* seeds, const real* dampening, const real* support, const scalar* event0, "
    "const scalar* cell0, scalar* grad_x, real* grad_products, real* grad_event, real* grad_cell, real* grad_trace, "
    "real* grad_threshold",
    ("grad_y", "grad_cells", "grad_events", "grad_traces", "y", "cells", "gates", "grad_x", "grad_products"),
    block_per_row=True,
)
RESET_MODES = ("subtract_threshold", "subtract_output", "none")
FORMS = ("events", "dense")
SAMPLE = 8  # steps in which the share of needed units is counted


def egru_form(B: int, H: int, share: float, device: str = "cpu") -> str:
    """The form of EGRU that takes less time, "events" or "dense".

    Args:
        B, H: batch size, and number of units.
        share: fraction of units that backward needs, at an event or within the slope. (Forward on a CPU is always
            "events".)
        device: "cpu" or "cuda".

    On a CPU, as measured on two cores: 37 ps per weight if rows are read individually, and 14 ps per weight plus 100 us
    per step in a matrix product. On a GPU, an estimate: small batches read few of the weights.
    """
    if device != "cpu":
        return "events" if B <= 8 else "dense"
    return "events" if share < 0.38 + 9e5 / max(1, B * H * H) else "dense"


def needed(y: Tensor, cells: Tensor, threshold: Tensor, support: Tensor, lengths: Tensor | None) -> float:
    """The share of units for which backward needs the product with R, in a sample of the steps."""
    every = math.ceil(len(y) / SAMPLE)
    y, cells = y[::every], cells[::every]
    near = (y != 0) | ((cells - threshold).abs() * support < 1)
    if lengths is None:
        return near.float().mean().item()
    valid = (every * torch.arange(len(y)).unsqueeze(1) < lengths).unsqueeze(-1)
    return ((near & valid).sum() / (valid.sum().clamp(min=1) * y.shape[-1])).item()


def cell_defines(reset_mode: str, zoneout: float, drawn: bool) -> tuple[str, ...]:
    """The defines that choose the cell's mathematics."""
    return f"RESET={reset_mode.upper()}", f"ZONEOUT={0 if not zoneout else 1 if drawn else 2}"


def forward(
    x: Tensor,
    recurrent: Tensor,
    recurrent_bias: Tensor,
    threshold: Tensor,
    event0: Tensor | None,
    cell0: Tensor | None,
    trace0: Tensor | None,
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    reset_mode: str,
    zoneout: float,
    seeds: Tensor | None,
    form: str | None,
    keep: bool,
) -> tuple[Tensor, ...]:
    """y, cells, events, traces; the last event, cell and trace; and the gates if `keep`, else an empty tensor."""
    T, B, W = x.shape
    x, real = unit_stride(x), TYPES[x.dtype][2]
    recurrent, recurrent_bias, threshold = (as_contiguous(w, real) for w in (recurrent, recurrent_bias, threshold))
    y, *_ = outputs = [widened(x, W // 3) for _ in range(4)]
    gates = widened(x, W // 3 * 4) if keep else None
    state = [updatable_copy(y, s) for s in (event0, cell0, trace0)]
    if y.numel():
        defines, chance = cell_defines(reset_mode, zoneout, seeds is not None), y.new_full((1,), zoneout, dtype=real)
        if form is None:
            form = "events" if y.device.type == "cpu" else egru_form(B, W // 3, 1.0, "cuda")
        if form == "events":
            inputs: Tensors = (x, recurrent, recurrent_bias, threshold, chance, seeds, y.new_empty(B, W, dtype=real))
            launch(FORWARD, defines, Steps(lengths, resets, reverse), (*inputs, *state, *outputs, gates))
        else:
            for step in one_at_a_time(T, lengths, resets, reverse):
                products = torch.addmm(recurrent_bias, step.unless_reset(state[0]), recurrent)
                inputs = (step.of(x), None, None, threshold, chance, step.of(seeds), products)
                launch(FORWARD, defines, step.steps, (*inputs, *state, *map(step.of, (*outputs, gates))))
    last = (s.to(y.dtype) for s in state)
    return *outputs, *last, y.new_empty(0) if gates is None else gates


def backward(
    grad_y: Tensor | None,
    grad_cells: Tensor | None,
    grad_events: Tensor | None,
    grad_traces: Tensor | None,
    grad_event_n: Tensor | None,
    grad_cell_n: Tensor | None,
    grad_trace_n: Tensor | None,
    y: Tensor,
    cells: Tensor,
    gates: Tensor,
    recurrent: Tensor,
    recurrent_bias: Tensor,
    threshold: Tensor,
    event0: Tensor | None,
    cell0: Tensor | None,
    trace0: Tensor | None,
    dampening: Tensor,
    support: Tensor,
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    reset_mode: str,
    zoneout: float,
    seeds: Tensor | None,
    form: str | None,
) -> tuple[Tensor, ...]:
    """The gradients of x, the recurrent weights and bias, the threshold, and the initial event, cell and trace."""
    T, B, H = y.shape
    real = TYPES[y.dtype][2]
    y, cells, gates = kept = [unit_stride(s) for s in (y, cells, gates)]
    nothing = y.new_zeros(H).expand(y.shape)  # takes no memory
    upstream = [nothing if g is None else unit_stride(g) for g in (grad_y, grad_cells, grad_events, grad_traces)]
    matrix, heights, *slope = (as_contiguous(w, real) for w in (recurrent, threshold, dampening, support))
    first_event, first_cell = (y.new_zeros(B, H) if s is None else as_contiguous(s, y.dtype) for s in (event0, cell0))
    state = [updatable_copy(y, g) for g in (grad_event_n, grad_cell_n, grad_trace_n)]
    grad_x, grad_products = widened(y, 3 * H), y.new_empty(T, B, 3 * H, dtype=real)
    grad_threshold = y.new_zeros(B, H, dtype=real)
    before = [earlier(y, first_event, t, lengths, reverse) for t in range(T)]
    if y.numel():
        defines, chance = cell_defines(reset_mode, zoneout, seeds is not None), y.new_full((1,), zoneout, dtype=real)
        if form is None:
            share = needed(y, cells, heights, slope[1], lengths) if y.device.type == "cpu" else 1.0
            form = egru_form(B, H, share, y.device.type)
        if form == "events":
            inputs: Tensors = (*upstream, *kept, matrix, heights, chance, seeds, *slope, first_event, first_cell)
            outputs: Tensors = (grad_x, grad_products, *state, grad_threshold)
            launch(BACKWARD, defines, Steps(lengths, resets, reverse), (*inputs, *outputs))
        else:
            for step in one_at_a_time(T, lengths, resets, not reverse):
                entered = before[step.t], earlier(cells, first_cell, step.t, lengths, reverse)
                inputs = (*map(step.of, (*upstream, *kept)), None, heights, chance, step.of(seeds), *slope)
                outputs = (step.of(grad_x), step.of(grad_products), *state, grad_threshold)
                launch(BACKWARD, defines, step.steps, (*inputs, *(s.contiguous() for s in entered), *outputs))
                state[0].addmm_(step.unless_reset(grad_products[step.t]), matrix.t())
    events = torch.stack(before) if before else y
    if resets is not None:
        events = events.masked_fill(resets.unsqueeze(-1), 0)
    rows = grad_products.flatten(0, 1)
    sums = events.to(real).flatten(0, 1).t() @ rows, sum_rows(rows), sum_rows(grad_threshold)
    weights = (as_contiguous(g, w.dtype) for g, w in zip(sums, (recurrent, recurrent_bias, threshold), strict=True))
    initial = zip(state, (event0, cell0, trace0), strict=True)
    return grad_x, *weights, *(y.new_empty(0) if s is None else g.to(s.dtype) for g, s in initial)


def updatable_copy(y: Tensor, state: Tensor | None) -> Tensor:
    """A copy of a state, or of its gradient, for a kernel to update; zeros if it is None."""
    real = TYPES[y.dtype][2]
    if state is None:
        return y.new_zeros(y.shape[1:], dtype=real)
    return state.to(y.dtype).to(real, copy=True, memory_format=torch.contiguous_format)
