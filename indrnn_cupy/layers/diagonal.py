"""RG-LRU, HGRN and LRU layers, and their recurrences."""

import math

import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from ..functional.checks import to_arithmetic_type
from ..functional.diagonal import hgrn_call, lru_call, rglru_call
from ..functional.run import Call
from .bounds import MemoryRecurrence, spread_bias_
from .recurrence import Recurrence
from .stack import RecurrentLayers


class RGLRURecurrence(Recurrence[Tensor]):
    r"""The real-gated linear recurrent unit; see :func:`indrnn_cupy.functional.rglru`, with
    :math:`\lambda = 8\,\mathrm{softplus}(\Lambda)`.

    Args:
        hidden_size: H, the number of units.
        batch_first: sequences are `(B, T, 3 H)` instead of `(T, B, 3 H)`.
        decay_range: initial range of :math:`e^{-\lambda}`, the factor of a state with an open gate.

    Shape: `forward(x, h0=None, *, lengths=None, resets=None, reverse=False)`, with x `(T, B, 3 H)` and h0 `(B, H)`,
    returns `(y, h_n)`, `(T, B, H)` and `(B, H)`. `step(x_t, h)` runs one step of a stream.

    Attributes:
        rate: Lambda, `(H,)`.

    Reference: De et al., 2024, arXiv 2402.19427.
    """

    gates = 3

    def __init__(
        self,
        hidden_size: int,
        batch_first: bool = False,
        decay_range: tuple[float, float] = (0.9, 0.999),
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(hidden_size, None, batch_first)
        check_range("decay_range", decay_range)
        self.decay_range = decay_range
        self.rate = nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        nn.init.uniform_(self.rate, *self.decay_range).log_().div_(-8).expm1_().log_()

    def call(self, x: Tensor, state: Tensor | None) -> Call:
        return rglru_call(x, 8 * softplus(to_arithmetic_type(self.rate)), *self.states(state))


class RGLRU(RecurrentLayers[Tensor]):
    """A stack of RG-LRU layers, each one matrix product for input and gates, followed by the recurrence.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in `torch.nn.RNN`.
        decay_range: as in :class:`RGLRURecurrence`.

    Shape: as in :class:`MinGRU`.

    Attributes:
        projections, recurrences: the `torch.nn.Linear` and the :class:`RGLRURecurrence` of each layer and direction.

    Reference: De et al., 2024, arXiv 2402.19427.
    """

    kind = RGLRURecurrence


class HGRNRecurrence(MemoryRecurrence[Tensor]):
    r"""The recurrence of HGRN; see :func:`indrnn_cupy.functional.hgrn`, with :math:`\gamma = \mathrm{sigmoid}(l)`.

    Args:
        hidden_size: H, the number of units.
        batch_first: sequences are `(B, T, 2 H)` instead of `(T, B, 2 H)`.
        longest_memory: gamma is initialised to :math:`1 - 1/m`, with memories m distributed log-uniformly from 1 to
            this number of steps. Without it, gamma is initialised to 1/2.

    Shape: `forward(x, h0=None, *, lengths=None, resets=None, reverse=False)`, with x `(T, B, 2 H)` and h0 `(B, H)`,
    returns `(y, h_n)`, `(T, B, H)` and `(B, H)`. `step(x_t, h)` runs one step of a stream.

    Attributes:
        lower: l, `(H,)`.

    Reference: Qin et al., NeurIPS 2023, arXiv 2311.04823.
    """

    gates = 2

    def __init__(
        self,
        hidden_size: int,
        batch_first: bool = False,
        longest_memory: float | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(hidden_size, None, batch_first, longest_memory)
        self.lower = nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype))
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        nn.init.zeros_(self.lower)
        if self.longest_memory is not None:
            spread_bias_(self.lower, self.longest_memory)

    def call(self, x: Tensor, state: Tensor | None) -> Call:
        return hgrn_call(x, torch.sigmoid(to_arithmetic_type(self.lower)), *self.states(state))


class HGRN(RecurrentLayers[Tensor]):
    """A stack of HGRN layers, each one matrix product for input and forget gate, followed by the recurrence.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in `torch.nn.RNN`.
        longest_memory: as in :class:`HGRNRecurrence`.

    Shape: as in :class:`MinGRU`.

    Attributes:
        projections, recurrences: the `torch.nn.Linear` and the :class:`HGRNRecurrence` of each layer and direction.

    Reference: Qin et al., NeurIPS 2023, arXiv 2311.04823.
    """

    kind = HGRNRecurrence


class LRURecurrence(Recurrence[tuple[Tensor, Tensor]]):
    r"""The linear recurrent unit; see :func:`indrnn_cupy.functional.lru`, with
    :math:`\lambda = \exp(-\exp(\nu) + i \exp(\theta))` and :math:`\gamma = \exp(g)`.

    Args:
        hidden_size: H, the number of complex units.
        activation: activation of the output, "identity", "relu", ...; stacked layers with "identity", and nothing else
            in between, amount to one linear layer.
        batch_first: sequences are `(B, T, 2 H)` instead of `(T, B, 2 H)`.
        radius_range: lambda is initialised uniformly on the ring between these two absolute values.
        largest_angle: the angle of lambda is initialised from U(0, largest_angle), in radians.

    Shape: `forward(x, state=None, *, lengths=None, resets=None, reverse=False)`, with x `(T, B, 2 H)`, real and
    imaginary parts side by side, and the state (h0, k0), its parts, `(B, H)` each, returns `(y, (h_n, k_n))`, y
    `(T, B, 2 H)`. The next layer mixes the parts, like C in the paper. `step(x_t, state)` runs one step of a stream.

    Attributes:
        nu, theta, gain: nu, theta and g, `(H,)` each.

    Reference: Orvieto et al., ICML 2023, arXiv 2303.06349.
    """

    gates = 2
    outputs = 2
    state_names = ("h0", "k0")

    def __init__(
        self,
        hidden_size: int,
        activation: str = "identity",
        batch_first: bool = False,
        radius_range: tuple[float, float] = (0.9, 0.999),
        largest_angle: float = 2 * math.pi,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(hidden_size, activation, batch_first)
        check_range("radius_range", radius_range)
        if not 0 < largest_angle < math.inf:
            raise ValueError(f"largest_angle is {largest_angle}, expected a number above 0")
        self.radius_range, self.largest_angle = radius_range, largest_angle
        self.nu, self.theta, self.gain = (
            nn.Parameter(torch.empty(hidden_size, device=device, dtype=dtype)) for _ in range(3)
        )
        self.reset_parameters()

    @torch.no_grad()
    def reset_parameters(self) -> None:
        least, most = (r**2 for r in self.radius_range)
        squared = nn.init.uniform_(torch.empty_like(self.nu), least, most)
        self.nu.copy_((-0.5 * squared.log()).log())
        self.theta.uniform_(1e-3, 1).mul_(self.largest_angle).log_()
        self.gain.copy_(0.5 * (1 - squared).log())

    def call(self, x: Tensor, state: tuple[Tensor, Tensor] | None) -> Call:
        h0, k0 = self.states(state)
        nu, theta, gain = map(to_arithmetic_type, (self.nu, self.theta, self.gain))
        radius, angle = torch.exp(-torch.exp(nu)), torch.exp(theta)
        weights = radius * torch.cos(angle), radius * torch.sin(angle), torch.exp(gain)
        return lru_call(x, *weights, (h0, k0), self.activation, batch_first=self.batch_first)


class LRU(RecurrentLayers[tuple[Tensor, Tensor]]):
    """A stack of LRU layers, each a complex projection and the recurrence; the output is `2 * hidden_size` wide.

    Args:
        input_size, hidden_size, num_layers, bias, batch_first, dropout, bidirectional: as in `torch.nn.RNN`.
        activation, radius_range, largest_angle: as in :class:`LRURecurrence`.

    Shape: as in :class:`IndRNN`, with an output `2 * directions * hidden_size` wide, real and imaginary parts side by
    side, and the state (h0, k0), `(num_layers * directions, B, hidden_size)` each.

    Attributes:
        projections, recurrences: the `torch.nn.Linear` and the :class:`LRURecurrence` of each layer and direction.

    Reference: Orvieto et al., ICML 2023, arXiv 2303.06349.
    """

    kind = LRURecurrence


def check_range(name: str, given: tuple[float, float]) -> None:
    """Raises ValueError unless these are two numbers between 0 and 1, the smaller first."""
    if len(given) != 2 or not 0 < given[0] < given[1] < 1:
        raise ValueError(f"{name} is {given}, expected two numbers between 0 and 1, the smaller first")
