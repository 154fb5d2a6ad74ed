"""UnICORNN as a function."""

from functools import partial

from torch import Tensor

from .. import reference
from .arrays import takes_arrays
from .checks import check_number, kept_every, to_arithmetic_type
from .run import Call, run


@takes_arrays
def unicornn(
    x: Tensor,
    w: Tensor,
    step_size: Tensor,
    y0: Tensor | None = None,
    z0: Tensor | None = None,
    *,
    alpha: float,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    memory: str = "store",
    every: int | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    r"""Undamped independent controlled oscillators: a second-order equation for each unit, with a symplectic scheme:

    .. math::
        z_t = z_{t-1} - s \odot (\tanh(w \odot y_{t-1} + x_t) + \alpha y_{t-1}),\quad
        y_t = y_{t-1} + s \odot z_t

    Args:
        x: input, `(T, B, H)`, already projected.
        w: recurrent weight, `(H,)`.
        step_size: s, `(H,)`; in the paper :math:`s = \Delta t\,\mathrm{sigmoid}(c)`, with a learnable c.
        y0, z0: initial states, `(B, H)`; zeros if not given.
        alpha: alpha in the paper, non-negative.
        memory, every: as in :func:`sru`, for the states z.
        lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns:
        `y`, `(T, B, H)`, with the dtype and layout of x, and the last states `(y_n, z_n)`, `(B, H)` each.

    Raises:
        TypeError, ValueError, KernelError: as in :func:`indrnn`.

    Reference: Rusch and Mishra, "UnICORNN", ICML 2021, arXiv 2103.05487.
    """
    call = unicornn_call(x, w, step_size, (y0, z0), alpha, memory, every, batch_first)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


def unicornn_call(
    x: Tensor,
    w: Tensor,
    step_size: Tensor,
    states: tuple[Tensor | None, Tensor | None],
    alpha: float,
    memory: str = "store",
    every: int | None = None,
    batch_first: bool = False,
) -> Call:
    check_number("alpha", alpha, least=0)
    plain = partial(reference.unicornn, x, w, step_size, *states, alpha=alpha)
    alphas = to_arithmetic_type(w).new_full((1,), alpha).expand(w.shape) if isinstance(w, Tensor) else w
    weights = {"w": (w, None), "step_size": (step_size, None), "alpha": (alphas, None)}
    initial = dict(zip(("y0", "z0"), states, strict=True))
    return Call("unicornn", plain, 1, {"x": x}, weights, initial, every=kept_every(memory, every, x, batch_first))
