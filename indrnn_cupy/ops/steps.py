"""A recurrence with one launch per step."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from .sequence import Steps


def earlier(sequence: Tensor, initial: Tensor, t: int, lengths: Tensor | None, reverse: bool) -> Tensor:
    """The step of a sequence before step t, (B, H)."""
    before = t + 1 if reverse else t - 1
    if not 0 <= before < len(sequence):
        return initial
    if not reverse or lengths is None:
        return sequence[before]
    return torch.where((lengths > before).unsqueeze(1), sequence[before], initial)


class Step(NamedTuple):
    """One step of a recurrence with one launch per step."""

    t: int
    steps: Steps

    def of(self, sequence: Tensor | None) -> Tensor | None:
        return None if sequence is None else sequence[self.t : self.t + 1]

    def unless_reset(self, state: Tensor) -> Tensor:
        return state if self.steps.resets is None else state.masked_fill(self.steps.resets[0].unsqueeze(1), 0)


def one_at_a_time(T: int, lengths: Tensor | None, resets: Tensor | None, reverse: bool) -> Iterator[Step]:
    for t in reversed(range(T)) if reverse else range(T):
        left = None if lengths is None else (lengths - t).clamp(0, 1)
        yield Step(t, Steps(left, None if resets is None else resets[t : t + 1]))
