"""`torch_irevrnn` of github.com/shaofei-liu/irevrnn: the network of its README, and the class that is in its code."""

from typing import Any

import torch
from torch import Tensor, nn

from .. import functional as F
from .. import layers

STACK = {"input_size", "num_layers", "bias", "dropout", "bidirectional"}  # said of a stack alone
NOISE = 1e-4  # standard deviation of states that are not given


class IRevRNN(layers.IRevRNN):
    """A batch-first stack: x `(B, T, input_size)` to the output and h_n, `(num_layers, B, hidden_size)`.

    Made with a `hidden_size` alone, or with `rev_len` after it, it is an :class:`IRevRNNOnlyRecurrent`, as in that
    project's code. New code has :class:`indrnn_cupy.IRevRNN`, which gives and takes both states.
    """

    def __new__(cls, *arguments: Any, **options: Any) -> Any:
        stack = STACK & options.keys() or (len(arguments) >= 3 and not isinstance(arguments[2], str))
        copied = not arguments and not options  # as copy and pickle make it
        if cls is IRevRNN and not stack and not copied:
            return IRevRNNOnlyRecurrent(*arguments, **options)
        return super().__new__(cls)

    def __init__(self, input_size: int, hidden_size: int, num_layers: int = 1, **options: Any) -> None:
        super().__init__(input_size, hidden_size, num_layers, batch_first=True, **options)

    def forward(self, x: Any, *arguments: Any, **options: Any) -> tuple[Any, ...]:
        output, (hidden, _) = super().forward(x, *arguments, **options)
        return output, hidden


class IRevRNN_CUDA(IRevRNN):
    """The same; `cuda_enabled` False is refused on a GPU's tensors alone, as kernels run where their tensors are."""

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
    """The recurrence: z `(T, B, H)`, already projected, to every h; states that are not given are noise, as there."""

    def __init__(
        self, hidden_size: int, rev_len: int = 3, ind_act_typ_str: str = "relu", res_act_typ_str: str = "tanh"
    ) -> None:
        super().__init__()
        self.ind_act_typ_str, self.res_act_typ_str = ind_act_typ_str, res_act_typ_str
        self.ind_weights = nn.Parameter(torch.rand(1, hidden_size))
        self.hidden_weights = nn.Parameter(1e-8 * torch.randn(rev_len, hidden_size))
        self.cell_weights = nn.Parameter(1e-8 * torch.randn(rev_len, hidden_size))

    def forward(self, z: Tensor, h_0: Tensor | None = None, c_0: Tensor | None = None) -> Tensor:
        h_0, c_0 = (torch.randn_like(z[0]) * NOISE if s is None else s for s in (h_0, c_0))
        y, _ = F.irevrnn(
            z,
            self.ind_weights.flatten(),
            self.hidden_weights,
            self.cell_weights,
            h_0,
            c_0,
            activation=self.ind_act_typ_str,
            inner_activation=self.res_act_typ_str,
        )
        return y
