"""IRevRNN as a function."""

from functools import partial

from torch import Tensor

from .. import reference
from .arrays import takes_arrays
from .checks import check_activation, kept_every
from .run import Call, run

MOST_SUB_STEPS = 14  # so that a step has at most 32 values; above 8, a GPU keeps some in local memory


@takes_arrays
def irevrnn(
    x: Tensor,
    weight: Tensor,
    hidden_weights: Tensor,
    cell_weights: Tensor,
    h0: Tensor | None = None,
    c0: Tensor | None = None,
    *,
    activation: str = "relu",
    inner_activation: str = "tanh",
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
    memory: str = "recompute",
    every: int | None = None,
) -> tuple[Tensor, tuple[Tensor, Tensor]]:
    r"""The recurrence of the reversible IndRNN: IndRNN with a second state c, which is coupled to h by R reversible
    sub-steps in each step:

    .. math::
        h^0 = u \odot h_{t-1},\quad c^0 = c_{t-1};\quad
        c^{i+1} = c^i + a_i \odot \phi(h^i),\quad h^{i+1} = h^i + b_i \odot \phi(c^{i+1}),\quad i = 0, \dots, R - 1;\\
        h_t = \sigma(x_t + h^R),\quad c_t = c^R

    With a = b = 0 it equals :func:`indrnn`. Where :math:`a_i b_i \le 0`, the sub-steps rotate (h, c) without growth.

    Args:
        x: input, `(T, B, H)`, already projected, as in :func:`indrnn`.
        weight: recurrent weight u, `(H,)`.
        hidden_weights, cell_weights: a and b, `(R, H)`.
        h0, c0: initial states, `(B, H)`; zeros if not given. With c0 = 0 and b = 0 no gradient reaches a.
        activation: sigma, as in :func:`indrnn`.
        inner_activation: phi, any of the same.
        memory: what is saved for backward in addition to y: "recompute", c at every `every`-th step, from which
            backward recomputes the others; or "store", c at every step.
        every: defaults to about twice the square root of T.
        lengths, resets, reverse, batch_first: as in :func:`indrnn`.

    Returns:
        `y`, h at every step, with the shape, dtype and layout of `x`, and the last states `(h_n, c_n)`, `(B, H)` each.

    First-order gradients flow to `x`, the weights and the initial states. Nothing is divided by u, which may be 0.

    Raises:
        TypeError, ValueError, KernelError: as in :func:`indrnn`.

    Reference: github.com/shaofei-liu/irevrnn.
    """
    states, options = (h0, c0), (activation, inner_activation, memory, every)
    call = irevrnn_call(x, weight, hidden_weights, cell_weights, states, *options, batch_first)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


def irevrnn_call(
    x: Tensor,
    weight: Tensor,
    hidden_weights: Tensor,
    cell_weights: Tensor,
    states: tuple[Tensor | None, Tensor | None],
    activation: str,
    inner_activation: str,
    memory: str,
    every: int | None,
    batch_first: bool,
) -> Call:
    check_activation(activation)
    check_activation(inner_activation, "inner_activation")
    R = len(hidden_weights) if isinstance(hidden_weights, Tensor) and hidden_weights.dim() else 0
    check_sub_steps("R of hidden_weights, (R, H),", R)
    plain = partial(reference.irevrnn, x, weight, hidden_weights, cell_weights, *states)
    return Call(
        f"irevrnn ACTIVATION={activation.capitalize()} INNER={inner_activation.capitalize()} REV_LEN={R}",
        partial(plain, activation=activation, inner_activation=inner_activation),
        1,
        {"x": x},
        {"weight": (weight, None), "hidden_weights": (hidden_weights, R), "cell_weights": (cell_weights, R)},
        dict(zip(("h0", "c0"), states, strict=True)),
        every=kept_every(memory, every, x, batch_first),
    )


def check_sub_steps(name: str, R: int) -> None:
    """Raises ValueError unless a kernel can run R sub-steps of IRevRNN."""
    if not 1 <= R <= MOST_SUB_STEPS:
        raise ValueError(f"{name} is {R}, expected 1 to {MOST_SUB_STEPS} sub-steps")
