"""IndRNN as a function."""

from functools import partial

from torch import Tensor

from .. import reference
from .arrays import takes_arrays
from .checks import check_activation
from .run import Call, run


@takes_arrays
def indrnn(
    x: Tensor,
    weight: Tensor,
    h0: Tensor | None = None,
    *,
    activation: str = "relu",
    lengths: Tensor | None = None,
    resets: Tensor | None = None,
    reverse: bool = False,
    batch_first: bool = False,
) -> tuple[Tensor, Tensor]:
    r"""Independently recurrent network, the recurrence alone:

    .. math:: h_t = \sigma(x_t + u \odot h_{t-1}),\quad t = 1, \dots, T

    The input is taken as it is: project it first (`torch.nn.Linear`), or use :class:`indrnn_cupy.IndRNN`.

    Args:
        x: input, `(T, B, H)`, or `(B, T, H)` with `batch_first`; float32, float64, float16 or bfloat16. The state is
            float32 for 16-bit types. Any strides; no copy is made as long as the hidden units lie side by side.
        weight: recurrent weight u, `(H,)`, in the type of `x`, or float32 beside a 16-bit `x`.
        h0: initial state, `(B, H)`; zeros if not given. Its type may be narrower than that of `x`; with a 16-bit `x` it
            may be float32, and so is `h_n` then: a state that is carried from part to part is not rounded.
        activation: sigma, one of "relu", "tanh", "sigmoid", "hardtanh", "identity".
        lengths: number of steps of each row, `(B,)`, integers from 0 to T; others are refused, on a GPU clamped. Past
            its length a row's state stays as it is, its outputs are 0, and nothing there reaches a gradient.
        resets: `(T, B)` bool, `(B, T)` with `batch_first`; the state is zero before a marked step.
        reverse: run from each row's last step to its first.
        batch_first: the batch comes before time in `x`, `y` and `resets`.

    Returns:
        `y`, every state, in the shape, type and layout of `x`, and `h_n`, `(B, H)`, the state after each row's last
        step or, with `reverse`, after its first, in the type of `x` or in that of a wider `h0`.

    NumPy and CuPy arrays are taken too, through DLPack; then arrays are given, and there are no gradients.

    Gradients flow to `x`, `weight` and `h0`, once: a second derivative raises RuntimeError. The derivative of the
    activation is taken from `y`, so that `x` is not kept. `torch.func` works: grad, vjp, jvp, jacrev, jacfwd and vmap.
    The same input gives the same bits.

    Raises:
        TypeError, ValueError: if types, shapes or devices do not fit.
        KernelError: if a kernel that was edited does not compile or does not fit.

    Reference: Li et al., "Independently Recurrent Neural Network (IndRNN)", CVPR 2018, arXiv 1803.04831.
    """
    call = indrnn_call(x, weight, h0, activation)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


def indrnn_call(x: Tensor, weight: Tensor, h0: Tensor | None, activation: str) -> Call:
    check_activation(activation)
    key, plain = f"indrnn ACTIVATION={activation.capitalize()}", partial(reference.indrnn, x, weight, h0)
    return Call(key, partial(plain, activation=activation), 1, {"x": x}, {"weight": (weight, None)}, {"h0": h0})
