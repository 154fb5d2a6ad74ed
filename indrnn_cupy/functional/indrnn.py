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
    r"""The recurrence of the independently recurrent neural network:

    .. math:: h_t = \sigma(x_t + u \odot h_{t-1}),\quad t = 1, \dots, T

    The input is used as is: project it first (`torch.nn.Linear`), or use :class:`indrnn_cupy.IndRNN`.

    Args:
        x: input, `(T, B, H)`, or `(B, T, H)` with `batch_first`; float32, float64, float16 or bfloat16. The state is
            float32 for 16-bit types. Any strides are accepted; x is not copied if its last dimension has stride 1.
        weight: recurrent weight u, `(H,)`, with the dtype of `x`, or float32 with a 16-bit `x`.
        h0: initial state, `(B, H)`; zeros if not given. Its dtype may be narrower than that of `x`. With a 16-bit `x`
            it may be float32; then `h_n` is float32 too, so that a state passed on to the next call is not rounded.
        activation: sigma, one of "relu", "tanh", "sigmoid", "hardtanh", "identity".
        lengths: number of time steps of each row, `(B,)`, integers from 0 to T; other values raise ValueError, or are
            clamped if `lengths` is on a GPU. Past its length a row's state does not change, its outputs are 0, and
            nothing there reaches a gradient.
        resets: `(T, B)` bool, `(B, T)` with `batch_first`; the state is set to zero before each marked step.
        reverse: run from each row's last step to its first.
        batch_first: the batch comes before time in `x`, `y` and `resets`.

    Returns:
        `y`, the state at every step, with the shape, dtype and layout of `x`, and `h_n`, `(B, H)`, the state after each
        row's last step or, with `reverse`, after its first, with the dtype of `x`, or of `h0` if that is wider.

    NumPy and CuPy arrays are accepted too, through DLPack; the function then returns arrays, without gradients.

    First-order gradients flow to `x`, `weight` and `h0`; a second derivative raises RuntimeError. The derivative of the
    activation is computed from `y`, so `x` is not saved for backward. `torch.func` works: grad, vjp, jvp, jacrev,
    jacfwd and vmap. The same input gives bit-identical results.

    Raises:
        TypeError, ValueError: if dtypes, shapes or devices do not match.
        KernelError: if an edited kernel does not compile, or does not have the expected parameters.

    Reference: Li et al., "Independently Recurrent Neural Network (IndRNN)", CVPR 2018, arXiv 1803.04831.
    """
    call = indrnn_call(x, weight, h0, activation)
    return run(call, lengths=lengths, resets=resets, reverse=reverse, batch_first=batch_first)


def indrnn_call(x: Tensor, weight: Tensor, h0: Tensor | None, activation: str) -> Call:
    check_activation(activation)
    key, plain = f"indrnn ACTIVATION={activation.capitalize()}", partial(reference.indrnn, x, weight, h0)
    return Call(key, partial(plain, activation=activation), 1, {"x": x}, {"weight": (weight, None)}, {"h0": h0})
