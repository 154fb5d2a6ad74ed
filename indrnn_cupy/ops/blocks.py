"""Recomputed states: only some are saved, from which backward goes through time one block of steps at a time."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor


def kept_size(T: int, every: int) -> int:
    """The number of blocks without the first, plus two, as torch.compile specializes on sizes of 0 and 1."""
    return torch.sym_max(T - 1, 0) // every + 2


def kept_states(states: Tensor, every: int, reverse: bool) -> Tensor:
    """All states; or those before each block of `every` steps except the first; or none if every is 0."""
    if every == 0:
        return states.new_empty(0)
    if every == 1:
        return states
    chosen = states[every::every] if reverse else states[every - 1 : len(states) - 1 : every]
    kept = states.new_zeros(kept_size(len(states), every), *states.shape[1:])
    kept[: len(chosen)] = chosen
    return kept


class Block(NamedTuple):
    """Some consecutive steps, and the states with which a recurrence enters them."""

    part: slice | None  # of time; None for all
    states: list[Tensor]  # those that are saved for every step
    before: list[Tensor]
    lengths: Tensor | None
    is_first: bool  # whether the recurrence starts with it

    def of(self, sequence: Tensor) -> Tensor:
        return sequence if self.part is None else sequence[self.part]


def blocks(
    every: int,
    y: Tensor,
    states: list[Tensor],
    first: list[Tensor],
    has_output: bool,
    lengths: Tensor | None,
    reverse: bool,
) -> Iterator[Block]:
    """The blocks of `every` steps of a sequence as long as y, in the reverse order of the recurrence.

    `states` are saved for every step or, for every > 1, for every `every`-th step; the first of them is saved for every
    step if it is the output.
    """
    if every < 2:
        yield Block(None, states, first, lengths, True)
        return
    T, whole = len(y), [not has_output] + [False] * len(states)
    starts = range(0, T, every)
    for start in starts if reverse else reversed(starts):
        end, number, before = min(start + every, T), start // every, first
        if reverse and end < T:
            before = [s[end].contiguous() if w else s[number] for s, w in zip(states, whole, strict=False)]
            if lengths is not None:  # other rows do not run before this block, and enter it with the initial state
                longer = (lengths > end).unsqueeze(1)
                before = [torch.where(longer, s, f) for s, f in zip(before, first, strict=True)]
        elif not reverse and start:
            before = [s[start - 1].contiguous() if w else s[number - 1] for s, w in zip(states, whole, strict=False)]
        left = None if lengths is None else (lengths - start).clamp(0, end - start)
        part = slice(start, end)
        yield Block(part, [s[part] for s, w in zip(states, whole, strict=False) if w], before, left, before is first)
