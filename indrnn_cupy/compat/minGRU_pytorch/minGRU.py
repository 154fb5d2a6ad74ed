"""minGRU with the interface of minGRU-pytorch."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from ... import functional as F


class minGRU(nn.Module):
    """minGRU of Feng et al. with g applied to the candidate: x `(B, T, dim)` to the same shape.

    Args:
        dim: width of x and of the output.
        expansion_factor: the state has `int(dim * expansion_factor)` units.
        proj_out: project the states back to dim by `to_out`; defaults to True if expansion_factor is not 1.

    Shape: `forward(x, prev_hidden=None, return_next_prev_hidden=False)` returns the output and, if requested, the last
    state, `(B, 1, units)`, from which another call can continue. State dicts of that package can be loaded.

    The recurrence is not computed in log space: a state may be 0 or negative, and gradients are correct at 0 and for
    long sequences. New code should use :class:`indrnn_cupy.MinGRU`, with layers, lengths and a bias.
    """

    joined: ClassVar[str] = "to_hidden_and_gate"
    order: ClassVar[tuple[int, ...]] = (1, 0)  # of their parts, as the kernel expects them
    function: ClassVar[Callable[..., Any]] = staticmethod(F.mingru)

    def __init__(self, dim: int, expansion_factor: float = 1.0, proj_out: bool | None = None) -> None:
        super().__init__()
        units = int(dim * expansion_factor)
        if units < 1:
            raise ValueError(f"dim is {dim} and expansion_factor {expansion_factor}, expected at least one unit")
        proj_out = expansion_factor != 1 if proj_out is None else proj_out
        if not proj_out and units != dim:
            raise ValueError(
                f"without proj_out the output has {units} units, expected {dim}, like x; use expansion_factor=1"
            )
        setattr(self, self.joined, nn.Linear(dim, len(self.order) * units, bias=False))
        self.to_out = nn.Linear(units, dim, bias=False) if proj_out else nn.Identity()

    @classmethod
    def from_weights(cls, weights: Mapping[str, Tensor]) -> "minGRU":
        """Creates the module of a state dict of that package, with the sizes of its weights."""
        names = {f"{cls.joined}.weight", "to_out.weight"}
        if f"{cls.joined}.weight" not in weights or not names >= weights.keys():
            found = ", ".join(weights) or "none"
            raise ValueError(f"the weights are {found}; expected {cls.joined}.weight, and optionally to_out.weight")
        if any(weight.dim() != 2 or not weight.numel() for weight in weights.values()):
            shapes = ", ".join(str(tuple(weight.shape)) for weight in weights.values())
            raise ValueError(f"the weights have shapes {shapes}, expected matrices")
        rows, dim = weights[f"{cls.joined}.weight"].shape
        units = rows // len(cls.order)
        module = cls(dim, (units + 0.5) / dim, proj_out="to_out.weight" in weights)
        module.to(weights[f"{cls.joined}.weight"].dtype)
        module.load_state_dict(dict(weights))
        return module

    def forward(self, x: Tensor, prev_hidden: Tensor | None = None, return_next_prev_hidden: bool = False) -> Any:
        joined = getattr(self, self.joined)
        if x.dim() != 3 or x.shape[-1] != joined.in_features:
            raise ValueError(f"x has shape {tuple(x.shape)}, expected (B, T, {joined.in_features})")
        units = joined.out_features // len(self.order)
        if prev_hidden is not None and prev_hidden.shape != (len(x), 1, units):
            raise ValueError(f"prev_hidden has shape {tuple(prev_hidden.shape)}, expected {(len(x), 1, units)}")
        parts = joined.weight.chunk(len(self.order))
        projected = nn.functional.linear(x, torch.cat([parts[number] for number in self.order]))
        first = None if prev_hidden is None else prev_hidden.squeeze(1)
        states, last = type(self).function(projected, first, activation="g", batch_first=True)
        output = self.to_out(states)
        return (output, last.unsqueeze(1)) if return_next_prev_hidden else output
