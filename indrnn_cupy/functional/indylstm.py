"""IndyLSTM and IndyGRU as functions."""

from functools import partial

from torch import Tensor

from .. import reference
from .arrays import takes_arrays
from .checks import kept_every
from .run import Call, run


@takes_arrays
def indylstm(
    x: Tensor,
    u: Tensor,
    peepholes: Tensor | None = None,
    h0: Tensor | None = None,
    c0: Tensor | None = None,
    *,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    memory: str = "store",
    every: int | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    r"""An LSTM whose recurrent matrices are diagonal, so that each unit sees only its own state:

    .. math::
        i_t = \mathrm{sigmoid}(x^i_t + u_i \odot h_{t-1} + p_i \odot c_{t-1}),\quad
        f_t = \mathrm{sigmoid}(x^f_t + u_f \odot h_{t-1} + p_f \odot c_{t-1}),\\
        c_t = f_t \odot c_{t-1} + i_t \odot \tanh(x^g_t + u_g \odot h_{t-1}),\\
        o_t = \mathrm{sigmoid}(x^o_t + u_o \odot h_{t-1} + p_o \odot c_t),\quad h_t = o_t \odot \tanh(c_t)

    Args:
        x: the inputs of i, f, g and o side by side, in the order of `torch.nn.LSTM`, `(T, B, 4 H)`.
        u: the recurrent weights in the same order, `(4, H)`.
        peepholes: p_i, p_f and p_o, `(3, H)`; none if not given.
        h0, c0: initial states, `(B, H)`; zeros if not given.
        memory, every: as in :func:`sru`, for the states c.
        lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns:
        `y`, h at every step, `(T, B, H)`, with the dtype and layout of x, and the last states `(h_n, c_n)`, `(B, H)`
        each.

    Raises:
        TypeError, ValueError, KernelError: as in :func:`indrnn`.

    Reference: Gonnet and Deselaers, "IndyLSTMs: Independently Recurrent LSTMs", 2019, arXiv 1903.08023.
    """
    call = indylstm_call(x, u, peepholes, (h0, c0), memory, every, batch_first)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


def indylstm_call(
    x: Tensor,
    u: Tensor,
    peepholes: Tensor | None,
    states: tuple[Tensor | None, Tensor | None],
    memory: str = "store",
    every: int | None = None,
    batch_first: bool = False,
) -> Call:
    plain = partial(reference.indylstm, x, u, peepholes, *states)
    p = u.new_zeros(3, *u.shape[1:]) if peepholes is None else peepholes
    weights = {"u": (u, 4), "peepholes": (p, 3)}
    initial = dict(zip(("h0", "c0"), states, strict=True))
    return Call("indylstm", plain, 4, {"x": x}, weights, initial, every=kept_every(memory, every, x, batch_first))


@takes_arrays
def indygru(
    x: Tensor,
    u: Tensor,
    bias: Tensor | None = None,
    h0: Tensor | None = None,
    *,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""A GRU whose recurrent matrices are diagonal, so that each unit sees only its own state:

    .. math::
        r_t = \mathrm{sigmoid}(x^r_t + u_r \odot h_{t-1}),\quad z_t = \mathrm{sigmoid}(x^z_t + u_z \odot h_{t-1}),\\
        n_t = \tanh(x^n_t + r_t \odot (u_n \odot h_{t-1} + b)),\quad h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}

    Args:
        x: the inputs of r, z and n side by side, in the order of `torch.nn.GRU`, `(T, B, 3 H)`.
        u: the recurrent weights in the same order, `(3, H)`.
        bias: b, `(H,)`; zeros if not given.
        h0: initial state, `(B, H)`; zeros if not given.
        lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns:
        `y`, the state at every step, `(T, B, H)`, with the dtype and layout of x, and the last state `h_n`, `(B, H)`.

    Raises and reference: as in :func:`indylstm`.
    """
    call = indygru_call(x, u, bias, h0)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


def indygru_call(x: Tensor, u: Tensor, bias: Tensor | None, h0: Tensor | None) -> Call:
    plain = partial(reference.indygru, x, u, bias, h0)
    b = u.new_zeros(u.shape[1:]) if bias is None else bias
    return Call("indygru", plain, 3, {"x": x}, {"u": (u, 3), "bias": (b, None)}, {"h0": h0})
