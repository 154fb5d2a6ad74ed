"""The recurrence of EGRU as a module."""

import math
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from .. import functional as F
from ..functional.egru import check_egru
from .bounds import bias_of, check_memory, spread_bias_
from .recurrence import Recurrence, clamp_parameter_

State = tuple[Tensor, Tensor, Tensor]  # event, cell, trace
Sequences = tuple[Tensor, Tensor, Tensor]  # h, o, trace


@torch.no_grad()
def draw_thresholds_(thresholds: Tensor, mean: float) -> None:
    """Fills thresholds with samples from Beta(3 mean / (1 - mean), 3)."""
    if not 0 < mean < 1:
        raise ValueError(f"thr_mean is {mean}, expected a number between 0 and 1")
    a, b = torch.tensor([3 * mean / (1 - mean), 3.0], device="cpu")
    thresholds.copy_(torch.distributions.Beta(a, b).sample(thresholds.shape))


class EGRURecurrence(Recurrence[State]):
    r"""The recurrence of the event-based GRU with its recurrent weights; see :func:`indrnn_cupy.functional.egru`.

    Args:
        hidden_size: H, the number of units.
        batch_first: sequences are `(B, T, 3 H)` instead of `(T, B, 3 H)`.
        drop_connect: probability that a recurrent weight is zeroed for a whole sequence in training.
        zoneout: probability that a cell keeps its previous state in training; evaluation uses the expected state.
        dampening_factor, pseudo_derivative_support: gamma and epsilon of the slope in backward, which is nonzero within
            1 / epsilon of a threshold. They are buffers, `(1,)`, and are loaded with a checkpoint.
        thr_mean: mean m of the initial thresholds, between 0 and 1, which are drawn from Beta(3 m / (1 - m), 3).
        weight_initialization_gain: gain of `torch.nn.init.xavier_normal_` for the recurrent weights and the projection.
        longest_memory: the bias of z in the preceding projection is initialised such that units keep a cell for 1 to
            this number of steps, distributed log-uniformly. Without it, every cell is initially halved at each step.
        use_output_trace: return the trace in place of y, for readouts of one step, which would see only its events.
        reset_mode, form: as in the function.

    Shape: `forward(x, state=None, *, lengths=None, resets=None, reverse=False)`, with x `(T, B, 3 H)` and the state
    (event, cell, trace), `(B, H)` each, returns `(y, (h, o, trace), state)`. `step(x_t, state)` returns `(y_t, state)`
    for one step of a stream. The sequences, `(T, B, H)` each:

    - y: the events, 0 where there is none;
    - h: the cells after events;
    - o: 1 at an event, else 0;
    - trace: the smoothed y.

    Attributes:
        recurrent_kernel: `(H, 3 H)`, in the order z, r, g.
        recurrent_bias: `(3 H,)`.
        thr: the thresholds, `(H,)`, which are used clamped to [0, 1]; `clamp_recurrent_` clamps them in place.

    Reference: Subramoney et al., ICLR 2023, arXiv 2206.06178.
    """

    gates = 3
    dampening_factor: Tensor
    pseudo_derivative_support: Tensor

    state_names = ("event0", "cell0", "trace0")

    if TYPE_CHECKING:

        def __call__(self, *arguments: Any, **options: Any) -> tuple[Tensor, Sequences, State]: ...  # type: ignore[override]

    def __init__(
        self,
        hidden_size: int,
        batch_first: bool = False,
        drop_connect: float = 0.0,
        zoneout: float = 0.0,
        dampening_factor: float = 0.7,
        pseudo_derivative_support: float = 1.0,
        thr_mean: float = 0.3,
        weight_initialization_gain: float = 1.0,
        reset_mode: str = "subtract_threshold",
        longest_memory: float | None = None,
        use_output_trace: bool = False,
        form: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(hidden_size, None, batch_first)
        if not 0 <= drop_connect <= 1:
            raise ValueError(f"drop_connect is {drop_connect}, expected a number from 0 to 1")
        check_egru(reset_mode, zoneout, form)
        check_memory(longest_memory)
        if not 0 <= dampening_factor < math.inf:
            raise ValueError(f"dampening_factor is {dampening_factor}, expected a number, 0 or above")
        if not 0 < pseudo_derivative_support < math.inf:
            raise ValueError(f"pseudo_derivative_support is {pseudo_derivative_support}, expected a number above 0")
        self.longest_memory, self.use_output_trace = longest_memory, use_output_trace
        self.drop_connect, self.zoneout, self.thr_mean = drop_connect, zoneout, thr_mean
        self.weight_initialization_gain, self.reset_mode, self.form = weight_initialization_gain, reset_mode, form
        options: dict[str, Any] = {"device": device, "dtype": dtype}
        self.recurrent_kernel = nn.Parameter(torch.empty(hidden_size, 3 * hidden_size, **options))
        self.recurrent_bias = nn.Parameter(torch.empty(3 * hidden_size, **options))
        self.thr = nn.Parameter(torch.empty(hidden_size, **options))
        self.slope = dampening_factor, pseudo_derivative_support
        self.register_buffer("dampening_factor", torch.empty(1, **options))
        self.register_buffer("pseudo_derivative_support", torch.empty(1, **options))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.xavier_normal_(self.recurrent_kernel, self.weight_initialization_gain)
        nn.init.zeros_(self.recurrent_bias)
        for buffer, number in zip((self.dampening_factor, self.pseudo_derivative_support), self.slope, strict=True):
            buffer.fill_(number)
        draw_thresholds_(self.thr, self.thr_mean)

    @torch.no_grad()
    def initialize_(self, before: nn.Module) -> None:
        if isinstance(before, nn.Linear):
            nn.init.xavier_normal_(before.weight, self.weight_initialization_gain)
            nn.init.zeros_(before.bias)
        if self.longest_memory is not None:
            keeping = bias_of(before)[: self.hidden_size]
            spread = torch.empty_like(keeping)
            spread_bias_(spread, self.longest_memory)
            keeping.add_(spread)

    def clamp_(self) -> None:
        """Clamps thresholds to [0, 1] in place."""
        clamp_parameter_(self, "thr", 0, 1)

    def forward(
        self,
        x: Tensor,
        state: State | None = None,
        *,
        lengths: Tensor | None = None,
        resets: Tensor | None = None,
        reverse: bool = False,
    ) -> tuple[Tensor, Sequences, State]:
        if state is not None and not (isinstance(state, tuple | list) and len(state) == 3):
            raise TypeError(f"the state is {type(state).__name__}, expected a tuple (event, cell, trace)")
        y, sequences, state = F.egru(
            x,
            nn.functional.dropout(self.recurrent_kernel, self.drop_connect, self.training),
            self.recurrent_bias,
            self.thr.clamp(0, 1).detach() + (self.thr - self.thr.detach()),  # thr gets this gradient outside [0, 1] too
            *(state or (None, None, None)),
            reset_mode=self.reset_mode,
            dampening_factor=self.dampening_factor,
            pseudo_derivative_support=self.pseudo_derivative_support,
            zoneout=self.zoneout,
            training=self.training,
            lengths=lengths,
            resets=resets,
            reverse=reverse,
            batch_first=self.batch_first,
            form=self.form,
        )
        return sequences[2] if self.use_output_trace else y, sequences, state

    def extra_repr(self) -> str:
        names = ("drop_connect", "zoneout", "reset_mode", "longest_memory", "use_output_trace", "form")
        return ", ".join([super().extra_repr(), *(f"{name}={getattr(self, name)!r}" for name in names)])
