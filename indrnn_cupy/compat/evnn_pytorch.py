"""`evnn_pytorch` of github.com/Efficient-Scalable-Machine-Learning/EvNN."""

import torch
from torch import Tensor, nn

from .. import functional as F
from ..layers.egru_recurrence import draw_thresholds_

ALPHA = 0.9  # fraction of the trace that a step keeps
Three = tuple[Tensor, Tensor, Tensor]


class ClippedNorm(torch.autograd.Function):
    """The identity, with the gradients of all tensors together clipped to a norm of `limit`."""

    @staticmethod
    def forward(ctx, limit, *tensors):
        ctx.limit = limit
        return tuple(tensor.view_as(tensor) for tensor in tensors)

    @staticmethod
    def backward(ctx, *grads):
        norm = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(grad) for grad in grads]))
        share = (ctx.limit / (norm + 1e-6)).clamp(max=1)
        return None, *(grad * share for grad in grads)


class EGRU(nn.Module):
    """One layer of :func:`indrnn_cupy.functional.egru` with EvNN's arguments, attributes and state dict.

    Args:
        input_size, hidden_size, batch_first: as in `torch.nn.GRU`.
        dropout: probability of DropConnect on the recurrent weights, from 0 to 1.
        zoneout: probability that a cell keeps its previous state in training, from 0 to 1; evaluation uses the
            expected state.
        dampening_factor, pseudo_derivative_support, thr_mean, weight_initialization_gain: as in
            :class:`indrnn_cupy.EGRURecurrence`.
        grad_clip: in backward, the gradients of the weights, the thresholds and the state are together clipped to this
            norm; None or 0 for no limit. The gradient of the input is not clipped, as in EvNN.
        return_state_sequence, use_custom_cuda: only stored as attributes. Every state is returned, and kernels run on
            the device of their tensors.

    Shape: `forward(input, state=None, lengths=None)`, with input `(T, B, input_size)`, or `(B, T, input_size)` with
    `batch_first`, and the last event of the previous steps as the state, `(1, B, H)`, returns `(y, (h, o, trace))`,
    each in the layout of the input and H wide. Past a row's length the outputs are 0.
    `step(input, y0=None, h0=None)`, with input `(B, input_size)`, returns `(y, h, o)`, `(B, H)` each.

    New code should use :class:`indrnn_cupy.EGRU`, which continues from a sequence exactly and has several layers.
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        batch_first: bool = False,
        dropout: float = 0.0,
        zoneout: float = 0.0,
        dampening_factor: float = 0.7,
        pseudo_derivative_support: float = 1.0,
        thr_mean: float = 0.3,
        weight_initialization_gain: float = 1.0,
        return_state_sequence: bool = False,
        grad_clip: float | None = None,
        use_custom_cuda: bool = True,
    ) -> None:
        super().__init__()
        for name, rate in (("dropout", dropout), ("zoneout", zoneout)):
            if not 0 <= rate <= 1:
                raise ValueError(f"{name} is {rate}, expected a number from 0 to 1")
        self.input_size, self.hidden_size, self.batch_first = input_size, hidden_size, batch_first
        self.dropout, self.zoneout, self.alpha = dropout, zoneout, torch.tensor(ALPHA)
        self.weight_initialization_gain = weight_initialization_gain
        self.return_state_sequence, self.use_custom_cuda = return_state_sequence, use_custom_cuda
        self.kernel = nn.Parameter(torch.empty(input_size, 3 * hidden_size))
        self.recurrent_kernel = nn.Parameter(torch.empty(hidden_size, 3 * hidden_size))
        self.bias = nn.Parameter(torch.empty(3 * hidden_size))
        self.recurrent_bias = nn.Parameter(torch.empty(3 * hidden_size))
        self.dampening_factor = _fixed(dampening_factor)
        self.pseudo_derivative_support = _fixed(pseudo_derivative_support)
        self.thr = nn.Parameter(torch.empty(hidden_size))
        draw_thresholds_(self.thr, thr_mean)
        self.grad_clip_norm(bool(grad_clip), grad_clip or 0.0)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Initialises the weights again; the thresholds do not change, as in EvNN."""
        for weight in (self.kernel, self.recurrent_kernel):
            nn.init.xavier_normal_(weight, self.weight_initialization_gain)
        for bias in (self.bias, self.recurrent_bias):
            nn.init.zeros_(bias)

    def grad_clip_norm(self, enable: bool = True, norm: float = 2.0) -> None:
        """Sets the norm of `grad_clip`, or disables it."""
        if enable and not norm > 0:
            raise ValueError(f"norm is {norm}, expected a number above 0")
        self._max_norm = _fixed(norm if enable else -1.0)

    def to_native_weights(self) -> tuple[nn.Parameter, ...]:
        """Kernel, recurrent kernel, both biases and thresholds as `(3 H, ...)`, in the order z, r, g, as in EvNN.

        `torch.nn.GRU` has the order r, z, n.
        """
        weights = self.kernel.t().contiguous(), self.recurrent_kernel.t().contiguous(), self.bias, self.recurrent_bias
        return tuple(nn.Parameter(weight.detach().clone()) for weight in (*weights, self.thr))

    def from_native_weights(
        self, weight_ih_l0: Tensor, weight_hh_l0: Tensor, bias_ih_l0: Tensor, bias_hh_l0: Tensor, thr: Tensor
    ) -> None:
        """Loads the weights that :meth:`to_native_weights` returns."""
        given = weight_ih_l0.t(), weight_hh_l0.t(), bias_ih_l0, bias_hh_l0, thr
        own = self.kernel, self.recurrent_kernel, self.bias, self.recurrent_bias, self.thr
        if any(a.shape != b.shape for a, b in zip(given, own, strict=True)):
            shapes = ", ".join(str(tuple(weight.shape)) for weight in self.to_native_weights())
            raise ValueError(f"the weights do not have the shapes of this layer, expected {shapes}")
        with torch.no_grad():
            for weight, found in zip(own, given, strict=True):
                weight.copy_(found)

    def forward(
        self, input: Tensor, state: Tensor | None = None, lengths: Tensor | None = None
    ) -> tuple[Tensor, Three]:
        if input.dim() != 3 or input.shape[-1] != self.input_size:
            raise ValueError(
                f"input has shape {tuple(input.shape)}, expected three dimensions, the last {self.input_size}"
            )
        shape = 1, input.shape[0 if self.batch_first else 1], self.hidden_size
        if state is not None and state.shape != shape:
            raise ValueError(f"state has shape {tuple(state.shape)}, expected {shape}")
        return self._run(input, None if state is None else state[0], None, lengths)

    def step(
        self, input: Tensor, y0: Tensor | None = None, h0: Tensor | None = None, lengths: None = None
    ) -> tuple[Tensor, Tensor, Tensor]:
        if input.dim() != 2 or input.shape[-1] != self.input_size:
            raise ValueError(f"input has shape {tuple(input.shape)}, expected (B, {self.input_size})")
        time = 1 if self.batch_first else 0
        y, (h, o, _) = self._run(input.unsqueeze(time), y0, h0, None)
        return y.squeeze(time), h.squeeze(time), o.squeeze(time)

    def _run(
        self, input: Tensor, event: Tensor | None, cell: Tensor | None, lengths: Tensor | None
    ) -> tuple[Tensor, Three]:
        self.thr.data.clamp_(0, 1)  # as in EvNN; .data, so that backward still works on earlier graphs
        weights: list[Tensor] = [self.kernel, self.bias, self.recurrent_kernel, self.recurrent_bias, self.thr]
        if event is not None:
            weights.append(event)
        if (limit := float(self._max_norm)) > 0:
            weights = list(ClippedNorm.apply(limit, *weights))
        kernel, bias, recurrent_kernel, recurrent_bias, thr = weights[:5]
        y, others, _ = F.egru(
            input @ kernel + bias,
            nn.functional.dropout(recurrent_kernel, self.dropout, self.training),
            recurrent_bias,
            thr,
            event if event is None else weights[5],
            cell,
            dampening_factor=self.dampening_factor,
            pseudo_derivative_support=self.pseudo_derivative_support,
            zoneout=self.zoneout,
            training=self.training,
            lengths=lengths,
            batch_first=self.batch_first,
        )
        return y, others


def _fixed(number: float) -> nn.Parameter:
    return nn.Parameter(torch.tensor([float(number)]), requires_grad=False)
