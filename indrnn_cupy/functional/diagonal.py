"""RG-LRU, HGRN and LRU as functions: gated and complex recurrences that are linear in the state."""

from functools import partial

from torch import Tensor

from .. import reference
from .arrays import takes_arrays
from .checks import check_activation, check_chunk, kept_every, to_arithmetic_type
from .run import Call, run


@takes_arrays
def rglru(
    x: Tensor,
    rate: Tensor,
    h0: Tensor | None = None,
    *,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    chunk: int | None = None,
) -> tuple[Tensor, Tensor]:
    r"""The real-gated linear recurrent unit of Griffin:

    .. math::
        a_t = e^{-\lambda \odot \mathrm{sigmoid}(r_t)},\quad
        h_t = a_t \odot h_{t-1} + \sqrt{1 - a_t^2} \odot \mathrm{sigmoid}(i_t) \odot x_t

    Args:
        x: x, r and i side by side, `(T, B, 3 H)`.
        rate: lambda, `(H,)`, positive; in the paper :math:`\lambda = 8\,\mathrm{softplus}(\Lambda)`.
        h0: initial state, `(B, H)`; zeros if not given.
        chunk: as in :func:`mingru`.
        lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns:
        `y`, the state at every step, `(T, B, H)`, with the dtype and layout of x, and the last state `h_n`, `(B, H)`.

    Raises:
        TypeError, ValueError, KernelError: as in :func:`indrnn`.

    Reference: De et al., "Griffin", 2024, arXiv 2402.19427.
    """
    call = rglru_call(x, rate, h0, chunk)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


def rglru_call(x: Tensor, rate: Tensor, h0: Tensor | None, chunk: int | None = None) -> Call:
    check_chunk(chunk)
    return Call("rglru", partial(reference.rglru, x, rate, h0), 3, {"x": x}, {"rate": (rate, None)}, {"h0": h0}, chunk)


@takes_arrays
def hgrn(
    x: Tensor,
    lower: Tensor,
    h0: Tensor | None = None,
    *,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    chunk: int | None = None,
) -> tuple[Tensor, Tensor]:
    r"""The recurrence of a hierarchically gated recurrent network, whose forget gate has a lower bound:

    .. math::
        f_t = \gamma + (1 - \gamma) \odot \mathrm{sigmoid}(g_t),\quad
        h_t = f_t \odot h_{t-1} + (1 - f_t) \odot x_t

    Args:
        x: x and g side by side, `(T, B, 2 H)`.
        lower: gamma, `(H,)`, from 0 to 1.
        h0: initial state, `(B, H)`; zeros if not given.
        chunk: as in :func:`mingru`.
        lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns and raises: as in :func:`rglru`.

    Reference: Qin et al., "Hierarchically Gated Recurrent Neural Network for Sequence Modeling", NeurIPS 2023, arXiv
    2311.04823.
    """
    call = hgrn_call(x, lower, h0, chunk)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


def hgrn_call(x: Tensor, lower: Tensor, h0: Tensor | None, chunk: int | None = None) -> Call:
    check_chunk(chunk)
    return Call("hgrn", partial(reference.hgrn, x, lower, h0), 2, {"x": x}, {"lower": (lower, None)}, {"h0": h0}, chunk)


@takes_arrays
def hgrn_complex(
    x: Tensor,
    lower: Tensor,
    angle: Tensor,
    h0: Tensor | None = None,
    k0: Tensor | None = None,
    *,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    memory: str = "store",
    every: int | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    r"""The recurrence of :func:`hgrn` with a complex state, which is rotated by an angle at each step:

    .. math:: h_t = f_t \odot e^{i\theta} \odot h_{t-1} + (1 - f_t) \odot x_t

    Args:
        x: the real part of x, its imaginary part, and g, side by side, `(T, B, 3 H)`.
        lower: gamma, `(H,)`, from 0 to 1.
        angle: theta, `(H,)`, in radians.
        h0, k0: the real and imaginary parts of the initial state, `(B, H)` each; zeros if not given.
        memory, every: as in :func:`sru`.
        lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns and raises: as in :func:`lru`. Reference: as in :func:`hgrn`.
    """
    call = hgrn_complex_call(x, lower, angle, (h0, k0), memory, every, batch_first)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


def hgrn_complex_call(
    x: Tensor,
    lower: Tensor,
    angle: Tensor,
    states: tuple[Tensor | None, Tensor | None],
    memory: str = "store",
    every: int | None = None,
    batch_first: bool = False,
) -> Call:
    plain = partial(reference.hgrn_complex, x, lower, angle, *states)
    turn = to_arithmetic_type(angle)
    weights = {"lower": (lower, None), "angle": (turn.cos(), None), "sine of angle": (turn.sin(), None)}
    initial, every = dict(zip(("h0", "k0"), states, strict=True)), kept_every(memory, every, x, batch_first)
    return Call("hgrn_complex", plain, 3, {"x": x}, weights, initial, every=every)


@takes_arrays
def lru(
    x: Tensor,
    real: Tensor,
    imaginary: Tensor,
    gain: Tensor,
    h0: Tensor | None = None,
    k0: Tensor | None = None,
    *,
    activation: str = "identity",
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    memory: str = "store",
    every: int | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    r"""The linear recurrent unit, a diagonal recurrence with a complex state:

    .. math:: h_t = \lambda \odot h_{t-1} + \gamma \odot x_t,\quad y_t = \phi(h_t)

    Args:
        x: real and imaginary parts side by side, `(T, B, 2 H)`.
        real, imaginary: the parts of lambda, `(H,)` each; in the paper
            :math:`\lambda = \exp(-\exp(\nu) + i \exp(\theta))`, with learnable nu and theta.
        gain: gamma, `(H,)`; in the paper it is initialised to :math:`\sqrt{1 - |\lambda|^2}`.
        activation: phi, applied to each part; any activation of :func:`indrnn` and :func:`mingru`. Stacked layers with
            "identity", and nothing else in between, amount to one linear layer.
        h0, k0: the real and imaginary parts of the initial state, `(B, H)` each; zeros if not given.
        memory, every: as in :func:`sru`.
        lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns:
        `y`, real and imaginary parts side by side, `(T, B, 2 H)`, with the dtype and layout of x, and
        the last state `(h_n, k_n)`, `(B, H)` each.

    Raises:
        TypeError, ValueError, KernelError: as in :func:`indrnn`.

    Reference: Orvieto et al., "Resurrecting Recurrent Neural Networks for Long Sequences", ICML 2023, arXiv 2303.06349.
    """
    call = lru_call(x, real, imaginary, gain, (h0, k0), activation, memory, every, batch_first)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


def lru_call(
    x: Tensor,
    real: Tensor,
    imaginary: Tensor,
    gain: Tensor,
    states: tuple[Tensor | None, Tensor | None],
    activation: str,
    memory: str = "store",
    every: int | None = None,
    batch_first: bool = False,
) -> Call:
    check_activation(activation)
    plain = partial(reference.lru, x, real, imaginary, gain, *states, activation=activation)
    weights = {"real": (real, None), "imaginary": (imaginary, None), "gain": (gain, None)}
    initial = dict(zip(("h0", "k0"), states, strict=True))
    key = f"lru ACTIVATION={activation.capitalize()}"
    return Call(key, plain, 2, {"x": x}, weights, initial, every=kept_every(memory, every, x, batch_first))
