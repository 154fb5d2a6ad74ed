"""`torch_irevrnn` of github.com/shaofei-liu/irevrnn: the network of its README, and the class in its code."""

from typing import Any

import torch
from torch import Tensor, nn

from .. import functional as F
from .. import layers
from ..functional.irevrnn import MOST_SUB_STEPS

STACK = {"input_size", "num_layers", "bias", "dropout", "bidirectional"}  # arguments of a stack only
ACTIVATIONS = ("relu", "tanh", "sigmoid")  # in the order of their numbers in the original
NOISE = 1e-4  # standard deviation of the default initial states


class _Either(type):
    """Makes an :class:`IRevRNNOnlyRecurrent` an instance of :class:`IRevRNN` too, which creates it."""

    def __instancecheck__(cls, instance: Any) -> bool:
        return super().__instancecheck__(instance) or (cls is IRevRNN and isinstance(instance, IRevRNNOnlyRecurrent))


class IRevRNN(layers.IRevRNN, metaclass=_Either):
    """A batch-first stack: x `(B, T, input_size)` to the output and h_n, `(num_layers, B, hidden_size)`.

    With only a `hidden_size`, or with `rev_len` after it, it is an :class:`IRevRNNOnlyRecurrent`, as in the code of
    that project. New code should use :class:`indrnn_cupy.IRevRNN`, which accepts and returns both states.
    """

    def __new__(cls, *arguments: Any, **options: Any) -> Any:
        stack = STACK & options.keys() or (len(arguments) >= 3 and not isinstance(arguments[2], str))
        copied = not arguments and not options  # as copy and pickle create it
        if cls is IRevRNN and not stack and not copied:
            return IRevRNNOnlyRecurrent(*arguments, **options)
        return super().__new__(cls)

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Any) -> None:
        super().__init__(input_size, hidden_size, num_layers, batch_first=True, **options)

    def forward(self, x: Any, *arguments: Any, **options: Any) -> tuple[Any, ...]:
        if isinstance(x, Tensor) and (x.dim() != 3 or x.shape[-1] != self.input_size):
            raise ValueError(f"x has shape {tuple(x.shape)}, expected (B, T, {self.input_size})")
        output, (hidden, _) = super().forward(x, *arguments, **options)
        return output, hidden


class IRevRNN_CUDA(IRevRNN):
    """The same; with `cuda_enabled=False`, input on a GPU raises ValueError, as kernels run where their tensors are."""

    def __init__(
        self, input_size: int, hidden_size: int, num_layers: int = 1, cuda_enabled: bool = True, **options: Any
    ) -> None:
        super().__init__(input_size, hidden_size, num_layers, **options)
        self.cuda_enabled = cuda_enabled

    def forward(self, x: Any, *arguments: Any, **options: Any) -> tuple[Any, ...]:
        if x.is_cuda and not self.cuda_enabled:
            raise ValueError("x is on a GPU and cuda_enabled is False; move x and the network to the CPU")
        return super().forward(x, *arguments, **options)


class IRevRNNOnlyRecurrent(nn.Module):
    """The recurrence: z `(T, B, H)`, already projected, to h at every step; initial states default to noise.

    With `flatten=True`, z is `(T, B, ...)` and the states are `(B, ...)`, whose last dimensions are flattened to H.
    """

    def __init__(
        self, hidden_size: int, rev_len: int = 3, ind_act_typ_str: str = "relu", res_act_typ_str: str = "tanh"
    ) -> None:
        super().__init__()
        for name, activation in (("ind_act_typ_str", ind_act_typ_str), ("res_act_typ_str", res_act_typ_str)):
            if activation not in ACTIVATIONS:
                raise ValueError(f"{name} is {activation!r}, expected one of {', '.join(ACTIVATIONS)}")
        if not 1 <= rev_len <= MOST_SUB_STEPS:
            raise ValueError(
                f"rev_len is {rev_len}, expected 1 to {MOST_SUB_STEPS}; for layers with a projection, name the sizes: "
                f"input_size={hidden_size}, hidden_size={rev_len}"
            )
        self.hidden_size, self.rev_len = hidden_size, rev_len
        self.ind_act_typ, self.res_act_typ = map(ACTIVATIONS.index, (ind_act_typ_str, res_act_typ_str))
        self.ind_weights = nn.Parameter(torch.empty(1, hidden_size))
        self.hidden_weights = nn.Parameter(torch.empty(rev_len, hidden_size))
        self.cell_weights = nn.Parameter(torch.empty(rev_len, hidden_size))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        nn.init.uniform_(self.ind_weights)
        nn.init.normal_(self.hidden_weights, std=1e-8)
        nn.init.normal_(self.cell_weights, std=1e-8)

    def forward(self, z: Tensor, h_0: Tensor | None = None, c_0: Tensor | None = None, flatten: bool = False) -> Tensor:
        shape = z.shape
        if flatten:
            z, h_0, c_0 = z.flatten(2), *(None if s is None else s.flatten(1) for s in (h_0, c_0))
        if z.dim() != 3 or z.shape[-1] != self.hidden_size:
            hint = "" if flatten or z.dim() < 4 else ", or more dimensions with flatten=True"
            raise ValueError(f"z has shape {tuple(shape)}, expected (T, B, {self.hidden_size}){hint}")
        h_0, c_0 = (torch.randn_like(z[0]) * NOISE if s is None else s for s in (h_0, c_0))
        y, _ = F.irevrnn(
            z,
            self.ind_weights.flatten(),
            self.hidden_weights,
            self.cell_weights,
            h_0,
            c_0,
            activation=ACTIVATIONS[self.ind_act_typ],
            inner_activation=ACTIVATIONS[self.res_act_typ],
        )
        return y.view(shape)
