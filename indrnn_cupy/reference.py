"""Every recurrence in plain PyTorch: what the kernels are held to, with the signatures of `functional`."""

import torch
from torch import Tensor

ACTIVATIONS = {"relu": torch.relu, "tanh": torch.tanh, "sigmoid": torch.sigmoid, "identity": lambda x: x}


def indrnn(
    x: Tensor, weight: Tensor, h0: Tensor | None = None, *, activation: str = "relu", batch_first: bool = False
) -> tuple[Tensor, Tensor]:
    """h_t = activation(x_t + weight * h_{t-1}); see `functional.indrnn`."""
    x = x.transpose(0, 1) if batch_first else x
    h = x.new_zeros(x.shape[1:]) if h0 is None else h0
    outputs = []
    for x_t in x.unbind(0):
        h = ACTIVATIONS[activation](torch.addcmul(x_t, weight, h))
        outputs.append(h)
    y = torch.stack(outputs) if outputs else x.clone()
    return y.transpose(0, 1) if batch_first else y, h
