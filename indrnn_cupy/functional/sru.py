"""SRU and QRNN's pooling as functions."""

from functools import partial

from torch import Tensor

from .. import reference
from .arrays import takes_arrays
from .checks import check_activation, check_choice, kept_every
from .run import Call, run

POOLINGS = ("f", "fo", "ifo")


@takes_arrays
def sru(
    x: Tensor,
    v: Tensor,
    c0: Tensor | None = None,
    *,
    skip: bool = True,
    activation: str = "identity",
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    memory: str = "store",
    every: int | None = None,
) -> tuple[Tensor, Tensor]:
    r"""The simple recurrent unit, whose gates see the unit's own state:

    .. math::
        f_t = \mathrm{sigmoid}(p_t + v_f \odot c_{t-1}),\quad r_t = \mathrm{sigmoid}(q_t + v_r \odot c_{t-1}),\\
        c_t = f_t \odot c_{t-1} + (1 - f_t) \odot w_t,\quad y_t = r_t \odot \phi(c_t) + (1 - r_t) \odot s_t

    Args:
        x: w, p, q and s side by side, `(T, B, 4 H)`, as computed by one matrix product; w, p and q, `(T, B, 3 H)`,
            without `skip`.
        v: v_f and v_r, `(2, H)`.
        c0: initial state, `(B, H)`; zeros if not given.
        skip: add the term with s. If False, :math:`y_t = r_t \odot \phi(c_t)`.
        activation: phi, any activation of :func:`indrnn` and :func:`mingru`.
        memory: the states c saved for backward: "store", all; or "recompute", every `every`-th step.
        every: defaults to about twice the square root of T.
        lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns:
        `y`, `(T, B, H)`, with the dtype and layout of x, and the last state `c_n`, `(B, H)`.

    Raises:
        TypeError, ValueError, KernelError: as in :func:`indrnn`.

    Reference: Lei et al., "Simple Recurrent Units for Highly Parallelizable Recurrence", EMNLP 2018, arXiv 1709.02755.
    """
    call = sru_call(x, v, c0, skip, activation, memory, every, batch_first)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


def sru_call(
    x: Tensor,
    v: Tensor,
    c0: Tensor | None,
    skip: bool,
    activation: str,
    memory: str = "store",
    every: int | None = None,
    batch_first: bool = False,
) -> Call:
    check_activation(activation)
    key = f"{'sru' if skip else 'sru_alone'} ACTIVATION={activation.capitalize()}"
    plain = partial(reference.sru, x, v, c0, skip=skip, activation=activation)
    every = kept_every(memory, every, x, batch_first)
    return Call(key, plain, 4 if skip else 3, {"x": x}, {"v": (v, 2)}, {"c0": c0}, every=every)


@takes_arrays
def qrnn(
    x: Tensor,
    c0: Tensor | None = None,
    *,
    pooling: str = "fo",
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    memory: str = "store",
    every: int | None = None,
) -> tuple[Tensor, Tensor]:
    r"""The pooling of a quasi-recurrent network:

    .. math::
        c_t = \mathrm{sigmoid}(f_t) \odot c_{t-1} + i'_t \odot \tanh(z_t),\quad
        y_t = \mathrm{sigmoid}(o_t) \odot c_t

    Args:
        x: side by side, before their activations, z and f for "f", `(T, B, 2 H)`; z, f and o for "fo", `(T, B, 3 H)`;
            z, f, o and i for "ifo", `(T, B, 4 H)`; as computed by a convolution over the current and previous steps.
        c0: initial state, `(B, H)`; zeros if not given.
        pooling: "f", where y = c, "fo" or "ifo". :math:`i'` is sigmoid(i) for "ifo", else 1 - sigmoid(f).
        memory, every: as in :func:`sru`, for "fo" and "ifo".
        lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns and raises: as in :func:`sru`.

    Reference: Bradbury et al., "Quasi-Recurrent Neural Networks", ICLR 2017, arXiv 1611.01576.
    """
    call = qrnn_call(x, c0, pooling, memory, every, batch_first)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


def qrnn_call(
    x: Tensor,
    c0: Tensor | None,
    pooling: str,
    memory: str = "store",
    every: int | None = None,
    batch_first: bool = False,
) -> Call:
    check_choice("pooling", pooling, POOLINGS)
    plain = partial(reference.qrnn, x, c0, pooling=pooling)
    every = kept_every(memory, every, x, batch_first)
    every = every if pooling != "f" else 1  # its state is the output
    return Call(f"qrnn_{pooling}", plain, 1 + len(pooling), {"x": x}, {}, {"c0": c0}, every=every)
