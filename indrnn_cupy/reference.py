"""Every recurrence in plain PyTorch: what the kernels are held to, with the signatures of `functional`."""

from collections.abc import Callable

import torch
from torch import Tensor

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": torch.relu,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "hardtanh": torch.nn.functional.hardtanh,
    "identity": lambda x: x,
}


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
    """h_t = activation(x_t + weight * h_{t-1}); see `functional.indrnn`."""

    def cell(x_t: Tensor, h: Tensor) -> Tensor:
        return ACTIVATIONS[activation](torch.addcmul(x_t, weight.to(h.dtype), h))

    return _run(cell, x, h0, lengths, resets, reverse, batch_first)


def _run(
    cell: Callable[[Tensor, Tensor], Tensor],
    x: Tensor,
    h: Tensor | None,
    lengths: Tensor | None,
    resets: Tensor | None,
    reverse: bool,
    batch_first: bool,
) -> tuple[Tensor, Tensor]:
    """Every state of a cell, and the last one; 16-bit input is worked on in float32."""
    dtype = x.dtype
    x = (x.transpose(0, 1) if batch_first else x).to(torch.promote_types(dtype, torch.float32))
    h = x.new_zeros(x.shape[1:]) if h is None else h.to(x.dtype)
    inputs, outputs = x.unbind(0), [torch.zeros_like(h)] * len(x)
    for t in reversed(range(len(x))) if reverse else range(len(x)):
        before, valid = h, None if lengths is None else (t < lengths).unsqueeze(1)
        if resets is not None:
            marked = resets[:, t] if batch_first else resets[t]
            before = before.masked_fill(marked.unsqueeze(1), 0)
        if valid is None:
            h = outputs[t] = cell(inputs[t], before)
        else:
            new = cell(torch.where(valid, inputs[t], 0), before)
            h, outputs[t] = torch.where(valid, new, h), torch.where(valid, new, 0)
    y = torch.stack(outputs).to(dtype) if outputs else x.to(dtype)
    return y.transpose(0, 1) if batch_first else y, h.to(dtype)
