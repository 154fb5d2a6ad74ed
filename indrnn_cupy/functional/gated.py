"""minGRU, minLSTM and the linear recurrence as functions."""

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor

from .. import reference
from .arrays import takes_arrays
from .checks import check_activation, check_chunk
from .run import Call, run


@takes_arrays
def mingru(
    x: Tensor,
    h0: Tensor | None = None,
    *,
    activation: str = "identity",
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    chunk: int | None = None,
) -> tuple[Tensor, Tensor]:
    r"""The recurrence of minGRU, with its gates:

    .. math:: z_t = \mathrm{sigmoid}(k_t),\quad h_t = (1 - z_t) \odot h_{t-1} + z_t \odot \phi(c_t)

    Args:
        x: k and c side by side, `(T, B, 2 H)`, as computed by one matrix product.
        h0: initial state, `(B, H)`, of any sign; zeros if not given.
        activation: phi, "identity", "tanh", "g" (x + 1/2 for x >= 0 and sigmoid(x) otherwise, as used when the
            recurrence is computed in log space), or any other activation of :func:`indrnn`.
        chunk: on a GPU, the number of steps in a chunk of time, all of which run in parallel; 0 for no chunks. Chosen
            by :func:`chunk_steps` if not given. Rounding differs, by at most 5e-5 of the largest element. On a CPU,
            time steps run one after the other.
        lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns:
        `y`, the state at every step, `(T, B, H)`, with the dtype and layout of x, and the last state `h_n`, `(B, H)`.

    The recurrence is computed in linear space, where float32 keeps its accuracy over any number of steps. First-order
    gradients flow to x and h0. Only x and y are saved for backward.

    Raises:
        TypeError, ValueError, KernelError: as in :func:`indrnn`.

    Reference: Feng et al., "Were RNNs All We Needed?", 2024, arXiv 2410.01201.
    """
    call = mingru_call(x, h0, activation, chunk)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


@takes_arrays
def minlstm(
    x: Tensor,
    h0: Tensor | None = None,
    *,
    activation: str = "identity",
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    chunk: int | None = None,
) -> tuple[Tensor, Tensor]:
    r"""The recurrence of minLSTM, with its gates, which are divided by their sum:

    .. math::
        f_t = \mathrm{sigmoid}(p_t),\quad i_t = \mathrm{sigmoid}(q_t),\quad
        h_t = \frac{f_t}{f_t + i_t} \odot h_{t-1} + \frac{i_t}{f_t + i_t} \odot \phi(c_t)

    The quotients are accurate for p and q of any size and sign; where both are -inf, both quotients are 1/2.

    Args:
        x: p, q and c side by side, `(T, B, 3 H)`.
        h0, activation, lengths, resets, reverse, batch_first, chunk: as in :func:`mingru`.

    Returns, raises and reference: as in :func:`mingru`.
    """
    call = minlstm_call(x, h0, activation, chunk)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


@takes_arrays
def linear_recurrence(
    a: Tensor,
    b: Tensor,
    h0: Tensor | None = None,
    *,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    chunk: int | None = None,
) -> tuple[Tensor, Tensor]:
    r"""The first-order linear recurrence, :math:`h_t = a_t \odot h_{t-1} + b_t`, for a of any sign.

    Args:
        a, b: `(T, B, H)`, with the same dtype.
        h0, lengths, resets, reverse, batch_first, chunk: as in :func:`mingru`.

    Returns and raises: as in :func:`mingru`. First-order gradients flow to a, b and h0.
    """
    check_chunk(chunk)
    plain = partial(reference.linear_recurrence, a, b, h0)
    call = Call("linear", plain, 2, {"a": a, "b": b}, {}, {"h0": h0}, chunk)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


def mingru_call(x: Tensor, h0: Tensor | None, activation: str, chunk: int | None = None) -> Call:
    return _with_gates("mingru", reference.mingru, 2, x, h0, activation, chunk)


def minlstm_call(x: Tensor, h0: Tensor | None, activation: str, chunk: int | None = None) -> Call:
    return _with_gates("minlstm", reference.minlstm, 3, x, h0, activation, chunk)


def _with_gates(
    name: str,
    plain: Callable[..., Any],
    inputs: int,
    x: Tensor,
    h0: Tensor | None,
    activation: str,
    chunk: int | None,
) -> Call:
    check_activation(activation)
    check_chunk(chunk)
    key = f"{name} ACTIVATION={activation.capitalize()}"
    return Call(key, partial(plain, x, h0, activation=activation), inputs, {"x": x}, {}, {"h0": h0}, chunk)
