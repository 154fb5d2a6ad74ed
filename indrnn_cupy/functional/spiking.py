"""Leaky integrate-and-fire neurons as a function."""

from functools import partial
from typing import Any

from torch import Tensor

from .. import reference
from .arrays import takes_arrays
from .checks import check_choice, check_number, kept_every, to_arithmetic_type
from .run import Call, run

SPIKES = {"triangle": "spike", "sigmoid": "spike_sigmoid", "arctan": "spike_arctan", "none": "spike_none"}


@takes_arrays
def lif(
    x: Tensor,
    decay: Tensor,
    threshold: Tensor,
    v0: Tensor | None = None,
    rest0: Tensor | None = None,
    *,
    gain: Tensor | None = None,
    reset: str = "soft",
    reset_value: Tensor | None = None,
    surrogate: str = "arctan",
    steepness: float = 1.0,
    detach_reset: bool = False,
    refractory: int = 0,
    membrane: bool = False,
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    memory: str = "store",
    every: int | None = None,
) -> tuple[Tensor, Any]:
    r"""Leaky integrate-and-fire neurons, which fire when their charge exceeds their threshold:

    .. math::
        q_t = d \odot v_{t-1} + g \odot x_t,\quad s_t = [q_t > \vartheta],\quad
        v_t = q_t - s_t \odot r\ \text{(soft)},\quad v_t = (1 - s_t) \odot q_t + s_t \odot r\ \text{(hard)}

    Args:
        x: input current, `(T, B, H)`.
        decay: d, `(H,)`; :math:`1 - 1 / \tau` for a time constant of tau steps.
        threshold: theta, `(H,)`.
        v0: initial potential, `(B, H)`; zeros if not given.
        rest0: number of steps for which each neuron initially rests, `(B, H)`; requires `refractory`.
        gain: g, `(H,)`; ones if not given.
        reset: "soft", which subtracts `reset_value` from the potential; or "hard", which sets the potential to it.
        reset_value: r, `(H,)`; defaults to the threshold for "soft" and to 0 for "hard".
        surrogate: the slope that replaces the derivative of a spike in backward, with :math:`k` the steepness and
            :math:`e = k (q - \vartheta)`: "triangle", :math:`k \max(0, 1 - |e|)`; "sigmoid", the slope of a sigmoid,
            :math:`k\,\sigma(e)\,\sigma(-e)`; "arctan", :math:`k / (1 + (\pi e)^2)`; or "none", 0.
        steepness: k, positive.
        detach_reset: if True, no gradient flows through the spike that resets the potential.
        refractory: number of steps after a spike for which a neuron rests: its potential does not change and it does
            not fire.
        membrane: if True, also return q.
        memory, every: as in :func:`sru`, for the potentials v.
        lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns:
        `y`, the spikes, 0 or 1, `(T, B, H)`, with the dtype and layout of x, or with `membrane` the spikes and q side
        by side, `(T, B, 2 H)`; and the last potential `v_n`, `(B, H)`, or with `refractory` the pair `(v_n, rest_n)`.

    Raises:
        TypeError, ValueError, KernelError: as in :func:`indrnn`.

    References: Neftci et al., "Surrogate Gradient Learning in Spiking Neural Networks", 2019, arXiv 1901.09948; Fang et
    al., "Incorporating Learnable Membrane Time Constant", ICCV 2021, arXiv 2007.05785, where the decay is learned.
    """
    options: dict[str, Any] = {"reset": reset, "surrogate": surrogate, "steepness": steepness}
    options |= {"detach_reset": detach_reset, "refractory": refractory, "membrane": membrane}
    every = kept_every(memory, every, x, batch_first)
    call = lif_call(x, decay, threshold, (v0, rest0), gain=gain, reset_value=reset_value, every=every, **options)
    y, state = run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)
    return (y[..., : x.shape[-1]] if refractory and not membrane else y), state


def lif_call(
    x: Tensor,
    decay: Tensor,
    threshold: Tensor,
    states: tuple[Tensor | None, Tensor | None],
    *,
    gain: Tensor | None = None,
    reset: str = "soft",
    reset_value: Tensor | None = None,
    surrogate: str = "arctan",
    steepness: float = 1.0,
    detach_reset: bool = False,
    refractory: int = 0,
    membrane: bool = False,
    every: int = 1,
) -> Call:
    """The call; with a refractory period its output includes the membrane."""
    check_options(reset, surrogate, steepness)
    if not isinstance(refractory, int) or refractory < 0:
        raise ValueError(f"refractory is {refractory!r}, expected a whole number of steps, 0 or more")
    if not refractory and states[1] is not None:
        raise ValueError("rest0 needs refractory, the number of steps for which a neuron rests after a spike")
    plain = partial(
        reference.lif,
        *(x, decay, threshold, *states),
        gain=gain,
        reset=reset,
        reset_value=reset_value,
        surrogate=surrogate,
        steepness=steepness,
        detach_reset=detach_reset,
        refractory=refractory,
        membrane=membrane or refractory > 0,
    )
    weights = {"decay": (decay, None), "gain": (_filled(gain, 1, decay), None), "threshold": (threshold, None)}
    if reset_value is None and reset == "soft":
        reset_value = threshold
    weights |= {
        "reset_value": (_filled(reset_value, 0, decay), None),
        "steepness": (_filled(None, steepness, decay), None),
    }
    initial, name = {"v0": states[0]}, "lif_membrane" if membrane else "lif"
    if refractory:
        name, initial = "lif_refractory", {"v0": states[0], "rest0": states[1]}
        weights |= {"refractory": (_filled(None, refractory, decay), None)}
    key = f"{name} SPIKE={SPIKES[surrogate]} RESET={reset} FEEDBACK={'stop' if detach_reset else 'identity'}"
    return Call(key, plain, 1, {"x": x}, weights, initial, every=every)


def check_options(reset: str, surrogate: str, steepness: float) -> None:
    """Raises ValueError unless these are valid options of :func:`lif`."""
    check_choice("reset", reset, ("soft", "hard"))
    check_choice("surrogate", surrogate, tuple(SPIKES))
    check_number("steepness", steepness, above=0)


def _filled(given: Tensor | None, value: float, like: Tensor) -> Any:
    """A view of the given tensor, or `value` for each unit."""
    if given is not None or not isinstance(like, Tensor) or like.dim() != 1:
        return given.view_as(given) if isinstance(given, Tensor) else given
    return to_arithmetic_type(like).new_full((1,), value).expand(like.shape)
