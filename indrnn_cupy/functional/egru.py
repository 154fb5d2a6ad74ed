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
    r"""The recurrence of the event-based GRU, in which other units see a unit only while its cell v is above its
    threshold:

    .. math::
        q = y_{t-1} R + b,\quad z = \mathrm{sigmoid}(x_z + q_z),\quad r = \mathrm{sigmoid}(x_r + q_r),\quad
        g = \tanh(x_g + r \odot q_g);\\
        v = z \odot h_{t-1} + (1 - z) \odot g,\quad o_t = [v > \theta],\quad y_t = o_t \odot v,\quad
        h_t = v - o_t \odot \theta,\quad trace_t = 0.9\, trace_{t-1} + 0.1\, y_t

    Args:
        x: input, `(T, B, 3 H)`, already projected, in the order z, r, g.
        recurrent_kernel, recurrent_bias: R, `(H, 3 H)`, and b, `(3 H,)`, in the same order.
        threshold: theta, `(H,)`, should be non-negative: below 0, backward treats an event of exactly 0 as no event.
        event0, cell0, trace0: initial y, h and trace, `(B, H)`; zeros if not given.
        reset_mode: what an event subtracts from the cell: "subtract_threshold", as above; "subtract_output", which
            leaves 0; or "none".
        dampening_factor, pseudo_derivative_support: gamma and epsilon, one number each, without a gradient. In
            backward the slope :math:`\gamma \max(0, 1 - \epsilon |v - \theta|)` replaces the derivative of o with
            respect to v. The gradient is therefore not that of the value, and `gradcheck` passes only with a
            dampening_factor of 0.
        zoneout: probability that a cell keeps its previous state, drawn from torch's random number generator; with
            `training` False, the expected state is used.
        form: "events" reads only the rows of R of active units, and for the gradient those of units that are active or
            within the slope, in one launch for all steps; "dense" computes a matrix product at each step. Chosen if not
            given: on a CPU, "events" in forward, and in backward what :func:`egru_form` returns for the share of units
            that a sample of the steps needs; on a GPU, what it returns for the batch size. The two round differently;
            the rounding of torch's matrix products, in "dense" and for the gradient of R, may depend on the number of
            threads. With "events", a NaN in R has an effect only when its unit is active.
        lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns:
        `y`, `(T, B, H)`; h, o (0 or 1) and the trace at every step, in the same shape; and the last y, h and trace,
        `(B, H)` each. A run continued from them is exact in float32 and float64; 16-bit types round them.

    Gradients flow to x, R, b, theta and the initial states, through the reset, the threshold and the trace; there is no
    second derivative. In addition to y and h, four elements per unit and step are saved for backward: z, r, g and q_g.

    Raises:
        TypeError, ValueError, KernelError: as in :func:`indrnn`.

    Reference: Subramoney et al., "Efficient recurrent architectures through activity sparsity and sparse
    back-propagation through time", ICLR 2023, arXiv 2206.06178.
    """
    B, W = check_sequence("x", x, batch_first)
    if W % 3:
        raise ValueError(
            f"x has shape {tuple(x.shape)}, expected a last dimension of 3 H for z, r and g; project it first"
        )
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
    """Raises ValueError unless these are valid options of EGRU."""
    if reset_mode not in RESET_MODES:
        raise ValueError(f"reset_mode is {reset_mode!r}, expected one of {', '.join(RESET_MODES)}")
    if form is not None and form not in FORMS:
        raise ValueError(f"form is {form!r}, expected {' or '.join(FORMS)}, or None for an automatic choice")
    if not 0 <= zoneout <= 1:
        raise ValueError(f"zoneout is {zoneout}, expected a number from 0 to 1")
