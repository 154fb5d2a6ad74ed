"""Padded batches: valid steps, zeros in padding, and the last step of each row."""

import torch
from torch import Tensor

from ..functional.checks import check_lengths, check_resets


def valid_steps(x: Tensor, lengths: Tensor, batch_first: bool) -> Tensor:
    """Marks the steps within each row's length: bool, (T, B), or (B, T) with `batch_first`, like the sequence x."""
    lengths = check_lengths(lengths, x, batch_first)
    steps = torch.arange(x.shape[1 if batch_first else 0], device=x.device)
    return steps < lengths[:, None] if batch_first else steps[:, None] < lengths


def zero_padding(x: Tensor, lengths: Tensor | None, batch_first: bool = False) -> Tensor:
    """The sequence with zeros past each row's length."""
    return x if lengths is None else torch.where(valid_steps(x, lengths, batch_first).unsqueeze(-1), x, 0)


def last_step(
    x: Tensor, lengths: Tensor | None = None, *, batch_first: bool = False, initial: Tensor | None = None
) -> Tensor:
    """The last valid step of each row: `x[-1]` or, with lengths, `x[lengths[b] - 1, b]`.

    Args:
        x: a sequence, `(T, B, H)`, or `(B, T, H)` with `batch_first`.
        lengths: number of time steps of each row, `(B,)`; T if not given.
        initial: the result for a row without steps, `(B, H)`; zeros if not given.

    Returns `(B, H)`.
    """
    time, shape = 1 if batch_first else 0, (x.shape[0 if batch_first else 1], x.shape[2])
    if initial is None:
        initial = x.new_zeros(shape)
    if initial.shape != shape:
        raise ValueError(f"initial has shape {tuple(initial.shape)}, expected {shape} to match x of {tuple(x.shape)}")
    initial = initial.to(x.dtype)
    if lengths is not None:
        lengths = check_lengths(lengths, x, batch_first).unsqueeze(-1)
    if x.shape[time] == 0:
        return initial
    if lengths is None:
        return x.select(time, -1)
    last = (lengths - 1).clamp(min=0).expand(-1, x.shape[2]).unsqueeze(time)
    return torch.where(lengths > 0, x.gather(time, last).squeeze(time), initial)


def with_differences(
    x: Tensor,
    lengths: Tensor | None = None,
    *,
    before: Tensor | None = None,
    resets: Tensor | None = None,
    from_zero: bool = False,
) -> Tensor:
    """Appends to each unit of a sequence its change since the previous step: (T, B, H) to (T, B, 2 H).

    Args:
        x: a sequence, `(T, B, H)`.
        lengths: number of time steps of each row, `(B,)`; the output is 0 past them.
        before: the step before the first, `(B, H)`.
        resets: `(T, B)` bool; a marked step counts as a first step.
        from_zero: if `before` is not given, the change at a first step is x itself, as in IndRNN_pytorch, rather than
            0.
    """
    start = torch.zeros_like(x[:1]) if from_zero else x[:1]
    change = torch.diff(x, dim=0, prepend=start if before is None else before.unsqueeze(0))
    if resets is not None:
        check_resets(resets, x)
        change = torch.where(resets.unsqueeze(-1), x if from_zero else 0, change)
    return zero_padding(torch.cat((x, change), -1), lengths)
