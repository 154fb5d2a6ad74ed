"""Dropout of sequences."""

from torch import Tensor, nn


class SequenceDropout(nn.Module):
    """Dropout with one mask for all steps of a sequence.

    Args:
        p: probability that a unit of a row is zero at all steps; the others are multiplied by 1 / (1 - p).
        batch_first: sequences are `(B, T, H)` instead of `(T, B, H)`.

    Shape: x `(T, B, H)` to `(T, B, H)`.

    Reference: Gal and Ghahramani, NeurIPS 2016, arXiv 1512.05287.
    """

    def __init__(self, p: float = 0.5, batch_first: bool = False) -> None:
        super().__init__()
        if not 0 <= p < 1:
            raise ValueError(f"p is {p}, expected a number from 0 to below 1")
        self.p, self.time = p, 1 if batch_first else 0

    def mask(self, x: Tensor, *shape: int) -> Tensor | None:
        """The factors of the units of each row, in this shape and the dtype of x; None without dropout."""
        if not self.training or not self.p:
            return None
        return x.new_empty(shape).bernoulli_(1 - self.p).div_(1 - self.p)

    def forward(self, x: Tensor) -> Tensor:
        mask = self.mask(x, *(size for dim, size in enumerate(x.shape) if dim != self.time))
        return x if mask is None else x * mask.unsqueeze(self.time)

    def extra_repr(self) -> str:
        return f"p={self.p}"
