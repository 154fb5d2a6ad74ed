"""Layers of leaky integrate-and-fire neurons."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from ..functional.checks import check_number, to_arithmetic_type
from ..functional.run import Call
from ..functional.spiking import check_options, lif_call
from .recurrence import Recurrence
from .stack import RecurrentLayers


class LIFRecurrence(Recurrence[Tensor]):
    r"""Leaky integrate-and-fire neurons; see :func:`indrnn_cupy.functional.lif`, which can also return the membrane and
    has a refractory period. The input is scaled by :math:`1 - d`.

    Args:
        hidden_size: H, the number of neurons.
        tau: initial time constant in steps, above 1: :math:`d = 1 - 1 / \tau`.
        learned_decay: learn the decay of each neuron, as in PLIF (:math:`d = \mathrm{sigmoid}(w)`).
        threshold: potential above which a neuron fires.
        reset, surrogate, steepness, detach_reset: as in the function.
        batch_first: sequences are `(B, T, H)` instead of `(T, B, H)`.

    Shape: `forward(x, v0=None, *, lengths=None, resets=None, reverse=False)`, with x `(T, B, H)` and v0 `(B, H)`,
    returns the spikes and the last potential, `(T, B, H)` and `(B, H)`. `step(x_t, v)` runs one step of a stream.

    Attributes:
        w: the logit of the decay, `(H,)`; a parameter if it is learned, otherwise a buffer.

    References: Neftci et al., 2019, arXiv 1901.09948; Fang et al., ICCV 2021, arXiv 2007.05785.
    """

    state_names = ("v0",)

    def __init__(
        self,
        hidden_size: int,
        tau: float = 2.0,
        learned_decay: bool = False,
        threshold: float = 1.0,
        reset: str = "soft",
        surrogate: str = "arctan",
        steepness: float = 1.0,
        detach_reset: bool = False,
        batch_first: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(hidden_size, None, batch_first)
        check_number("tau", tau, above=1)
        check_options(reset, surrogate, steepness)
        self.tau, self.threshold = tau, threshold
        self.options: dict[str, Any] = {"reset": reset, "surrogate": surrogate}
        self.options |= {"steepness": steepness, "detach_reset": detach_reset}
        w = torch.empty(hidden_size, device=device, dtype=dtype)
        self.w: Tensor
        if learned_decay:
            self.w = nn.Parameter(w)
        else:
            self.register_buffer("w", w)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.constant_(self.w, math.log(self.tau - 1))

    @torch.no_grad()
    def initialize_(self, before: nn.Module) -> None:
        """Scales the weights of a projection such that inputs of variance 1 bring potentials up to the threshold."""
        weight = before.weight
        if isinstance(weight, Tensor) and weight.dim() == 2:
            decay = 1 - 1 / self.tau
            variance = self.threshold**2 * (1 + decay) / (1 - decay)
            weight.mul_((variance / weight.square().sum(1).mean().clamp(min=1e-30)).sqrt())

    def call(self, x: Tensor, state: Tensor | None) -> Call:
        decay = torch.sigmoid(to_arithmetic_type(self.w))
        threshold = torch.full_like(decay, self.threshold)
        return lif_call(x, decay, threshold, (*self.states(state), None), gain=1 - decay, **self.options)

    def extra_repr(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in self.options.items())
        return f"{super().extra_repr()}, tau={self.tau}, threshold={self.threshold}, {options}"


class LIF(RecurrentLayers[Tensor]):
    """A stack of layers of leaky integrate-and-fire neurons, each a projection and the neurons.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in `torch.nn.RNN`.
        tau, learned_decay, threshold, reset, surrogate, steepness, detach_reset: as in :class:`LIFRecurrence`.

    Shape: as in :class:`IndRNN`, with the state v0; the output is spikes.

    Attributes:
        projections, recurrences: the `torch.nn.Linear` and the :class:`LIFRecurrence` of each layer and direction.

    References: as in :class:`LIFRecurrence`.
    """

    kind = LIFRecurrence

    @torch.no_grad()
    def _initialize(self) -> None:
        super()._initialize()
        for projection in self.projections[self.directions :]:  # these read spikes, whose variance is about 1 / 9
            projection.weight.mul_(3)  # type: ignore[operator]  # a ModuleList has untyped elements
