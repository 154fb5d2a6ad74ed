"""UnICORNN layers, and their recurrence."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..functional.checks import check_number, to_arithmetic_type
from ..functional.run import Call
from ..functional.unicornn import unicornn_call
from .recurrence import Recurrence
from .stack import RecurrentLayers


class UnICORNNRecurrence(Recurrence[tuple[Tensor, Tensor]]):
    r"""The oscillators of UnICORNN; see :func:`indrnn_cupy.functional.unicornn`, with
    :math:`s = \Delta t\,\mathrm{sigmoid}(c)`.

    Args:
        hidden_size: H, the number of units.
        dt: the largest step size, positive; 0.01 to 0.2 in the paper.
        alpha: non-negative; 0.9 to 30 in the paper.
        batch_first: sequences are `(B, T, H)` instead of `(T, B, H)`.

    Shape: `forward(x, state=None, *, lengths=None, resets=None, reverse=False)`, with x `(T, B, H)` and the state
    (y0, z0), `(B, H)` each, returns `(y, (y_n, z_n))`. `step(x_t, state)` runs one step of a stream.

    Attributes:
        w: the recurrent weight, `(H,)`, initialised from U(0, 1).
        c: the logits of the step sizes, `(H,)`, initialised from U(-0.1, 0.1).

    Reference: Rusch and Mishra, ICML 2021, arXiv 2103.05487.
    """

    state_names = ("y0", "z0")

    def __init__(
        self,
        hidden_size: int,
        dt: float = 0.1,
        alpha: float = 1.0,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(hidden_size, None, batch_first)
        check_number("dt", dt, above=0)
        check_number("alpha", alpha, least=0)
        self.dt, self.alpha = dt, alpha
        self.w = nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype))
        self.c = nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.w)
        nn.init.uniform_(self.c, -0.1, 0.1)

    def call(self, x: Tensor, state: tuple[Tensor, Tensor] | None) -> Call:
        y0, z0 = self.states(state)
        step_size = self.dt * torch.sigmoid(to_arithmetic_type(self.c))
        return unicornn_call(x, self.w, step_size, (y0, z0), self.alpha, batch_first=self.batch_first)

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, dt={self.dt}, alpha={self.alpha}"


class UnICORNN(RecurrentLayers[tuple[Tensor, Tensor]]):
    """A stack of UnICORNN layers, each a projection and the oscillators.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in `torch.nn.RNN`.
        dt, alpha: as in :class:`UnICORNNRecurrence`.

    Shape: as in :class:`IndRNN`, with the state (y0, z0), `(num_layers * directions, B, hidden_size)` each.

    Attributes:
        projections, recurrences: the `torch.nn.Linear` and the :class:`UnICORNNRecurrence` of each layer and direction.

    Reference: Rusch and Mishra, ICML 2021, arXiv 2103.05487.
    """

    kind = UnICORNNRecurrence

    @classmethod
    def from_weights(cls, weights: Mapping[str, Tensor], **options: Any) -> "UnICORNN":
        """Creates the layers of a `state_dict()` of `torchrecurrent.UnICORNN`.

        `options`: its dt and alpha, batch_first, dropout, ... Raises ValueError if names or shapes do not match.
        """
        names = ("weight_ih", "weight_hh", "weight_ch", "bias_ih", "bias_hh")
        layers = len(weights) // len(names)
        expected = [f"cells.{layer}.{name}" for layer in range(layers) for name in names]
        if not weights or sorted(expected) != sorted(weights):
            raise ValueError(
                f"the weights are {', '.join(weights) or 'none'}; expected those of torchrecurrent.UnICORNN"
            )
        state: dict[str, Tensor] = {}
        for layer in range(layers):
            weight, w, c, *biases = (weights[f"cells.{layer}.{name}"] for name in names)
            if weight.dim() != 2 or any(t.shape != weight.shape[:1] for t in (w, c, *biases)):
                shapes = ", ".join(f"{name} {tuple(weights[f'cells.{layer}.{name}'].shape)}" for name in names)
                raise ValueError(f"layer {layer} has {shapes}, expected those of torchrecurrent.UnICORNN")
            state |= {f"projections.{layer}.weight": weight, f"projections.{layer}.bias": biases[0] + biases[1]}
            state |= {f"recurrences.{layer}.w": w, f"recurrences.{layer}.c": c}
        H, input_size = weights[expected[0]].shape
        made = cls(input_size, H, layers, dtype=weights[expected[0]].dtype, **options)
        made.load_state_dict(state)
        return made
