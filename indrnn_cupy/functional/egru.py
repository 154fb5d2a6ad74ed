"""EGRU as a function."""

from functools import partial
from typing import Any

from torch import Tensor

from .. import reference
from ..ops.egru import egru as egru_op
from ..ops.egru_forms import FORMS, RESET_MODES
from ..ops.sequence import TYPES
from .arrays import takes_arrays
from .checks import check_like, check_sequence, check_state, check_steps
from .run import by_kernel_or_plain

Three = tuple[Tensor, Tensor, Tensor]


@takes_arrays
def egru(
    x: Tensor,
    recurrent_kernel: Tensor,
    recurrent_bias: Tensor,
    threshold: Tensor,
    event0: Tensor | None = None,
    cell0: Tensor | None = None,
    trace0: Tensor | None = None,
    *,
    reset_mode: str = "subtract_threshold",
    dampening_factor: float | Tensor = 0.7,
    pseudo_derivative_support: float | Tensor = 1.0,
    zoneout: float = 0.0,
    training: bool = True,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    form: str | None = None,
) -> tuple[Tensor, Three, Three]:
    r"""Event-based GRU, the recurrence alone: a GRU whose units are seen by others only while their cell v is above
    their threshold:

    .. math::
        q = y_{t-1} R + b,\quad z = \mathrm{sigmoid}(x_z + q_z),\quad r = \mathrm{sigmoid}(x_r + q_r),\quad
        g = \tanh(x_g + r \odot q_g);\\
        v = z \odot h_{t-1} + (1 - z) \odot g,\quad o_t = [v > \theta],\quad y_t = o_t \odot v,\quad
        h_t = v - o_t \odot \theta,\quad trace_t = 0.9\, trace_{t-1} + 0.1\, y_t

    Args:
        x: input, `(T, B, 3 H)`, already projected, in the order z, r, g.
        recurrent_kernel, recurrent_bias: R, `(H, 3 H)`, and b, `(3 H,)`, in the same order.
        threshold: theta, `(H,)`, meant to be 0 or above: below it an event of just 0 counts as none in backward.
        event0, cell0, trace0: y, h and the trace to begin with, `(B, H)`; zeros if not given.
        reset_mode: what an event takes from the cell: "subtract_threshold", as above, "subtract_output", which leaves
            0, or "none".
        dampening_factor, pseudo_derivative_support: gamma and epsilon, a number each, without a gradient, of the slope
            that stands for the derivative of o after v in backward: gamma max(0, 1 - epsilon |v - theta|). So the
            gradient is not that of the value, and `gradcheck` holds with a dampening_factor of 0 alone.
        zoneout: probability with which a cell stays as it was, by torch's random numbers; with `training` False the
            mean of both is taken.
        form: "events" reads of R the rows of units that are active, and for the gradient of those that are active or
            within the slope, in one launch for all steps; "dense" is a matrix product for each step. Chosen if not
            given: on a CPU "events" in forward, and in backward what :func:`egru_form` says of the share that some
            steps need; on a GPU what it says of the batch alone. The two round differently; that of torch's
            matrix products, in "dense" and for R's gradient, may depend on the number of threads. A NaN in R is seen by
            "events" when its unit is active.
        lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns:
        `y`, `(T, B, H)`; every h, o (0 or 1) and trace, in the same shape; and the last y, h and trace, `(B, H)` each,
        from which a run goes on exactly, in float32 and float64: 16 bits round them.

    Gradients flow to x, R, b, theta and the initial states, through the reset, the threshold and the trace; there is no
    second derivative. Beside y and h four numbers are kept for each unit and step: z, r, g and q_g.

    Raises:
        TypeError, ValueError, KernelError: as :func:`indrnn`.

    Reference: Subramoney et al., "Efficient recurrent architectures through activity sparsity and sparse
    back-propagation through time", ICLR 2023, arXiv 2206.06178.
    """
    B, W = check_sequence("x", x, batch_first)
    if W % 3:
        raise ValueError(f"x has shape {tuple(x.shape)}, expected a last dimension of 3 H, z, r, g; project it first")
    H = W // 3
    check_like("recurrent_kernel", recurrent_kernel, (H, W), x)
    check_like("recurrent_bias", recurrent_bias, (W,), x)
    check_like("threshold", threshold, (H,), x)
    for name, initial in (("event0", event0), ("cell0", cell0), ("trace0", trace0)):
        check_state(name, initial, (B, H), x)
    check_egru(reset_mode, zoneout, form)
    slope = []
    for name, number in (
        ("dampening_factor", dampening_factor),
        ("pseudo_derivative_support", pseudo_derivative_support),
    ):
        if not isinstance(number, Tensor):
            number = x.new_full((1,), float(number), dtype=TYPES[x.dtype][2])
        if number.numel() != 1 or not number.is_floating_point() or number.device != x.device:
            what = f"{tuple(number.shape)}, {number.dtype}, on {number.device}"
            raise ValueError(f"{name} is {what}, expected one floating-point number on {x.device}")
        slope.append(number.detach().flatten())
    steps = check_steps(x, lengths, resets, reverse, batch_first)
    tensors = recurrent_kernel, recurrent_bias, threshold, event0, cell0, trace0

    def kernel(x: Tensor, **steps: Any) -> tuple[Tensor, ...]:
        seeds = reference.zoneout_seeds(x, len(x)) if zoneout and training else None
        return egru_op(x, *tensors, *steps.values(), reset_mode, float(zoneout), seeds, form, *slope)

    plain = partial(
        reference.egru,
        *(x, *tensors),
        reset_mode=reset_mode,
        dampening_factor=slope[0],
        pseudo_derivative_support=slope[1],
        zoneout=zoneout,
        training=training,
    )
    y, h, o, trace, event_n, cell_n, trace_n = by_kernel_or_plain(kernel, plain, "egru", [x], steps, batch_first)
    return y, (h, o, trace), (event_n, cell_n, trace_n)


def check_egru(reset_mode: str, zoneout: float, form: str | None) -> None:
    """Raises ValueError unless these are options of EGRU."""
    if reset_mode not in RESET_MODES:
        raise ValueError(f"reset_mode is {reset_mode!r}, expected one of {', '.join(RESET_MODES)}")
    if form is not None and form not in FORMS:
        raise ValueError(f"form is {form!r}, expected {' or '.join(FORMS)}, or None to choose")
    if not 0 <= zoneout <= 1:
        raise ValueError(f"zoneout is {zoneout}, expected a number from 0 to 1")
