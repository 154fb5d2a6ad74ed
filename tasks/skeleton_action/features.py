"""How far the joints of a skeleton are from lines through others."""

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor

from ..config import TaskError


def lines(parents: Sequence[int]) -> list[tuple[int, int]]:
    """Pairs of joints that a line is drawn through: bones; each end and the joint two bones away; two ends.

    Ends are head, hands and feet: joints without children, one for each parent. 39 lines for the joints of NTU RGB+D.
    Reference: Zhang et al., "On Geometric Features for Skeleton-Based Action Recognition", WACV 2017.
    """
    bones = [(joint, parent) for joint, parent in enumerate(parents) if joint != parent]
    first_leaf: dict[int, int] = {}
    for joint, parent in bones:
        if joint not in (p for _, p in bones):
            first_leaf.setdefault(parent, joint)
    ends = sorted(first_leaf.values())
    return [*bones, *((end, parents[parents[end]]) for end in ends), *combinations(ends, 2)]


def published_lines(parents: Sequence[int]) -> list[tuple[int, int]]:
    """The 39 lines of IndRNN_pytorch, through joints of NTU RGB+D, which differ from those of :func:`lines` in 15.

    Its ends are the head, a shoulder, a wrist and both ankles.
    """
    if len(parents) != 25:
        raise TaskError(f"--published has lines for the 25 joints of NTU RGB+D; these clips have {len(parents)}")
    bones = [(joint, parent) for joint, parent in enumerate(parents) if joint != parent]
    return [*bones, (18, 16), (11, 8), (14, 12), (4, 7), (3, 1), *combinations((3, 4, 11, 14, 18), 2)]


def joint_line_distances(x: Tensor, lines: Sequence[tuple[int, int]]) -> Tensor:
    """The distance of every joint to every line through two others: (..., P, 3) to (..., lines * (P - 2)), metres."""
    points, ends = [], []
    for a, b in lines:
        others = [joint for joint in range(x.shape[-2]) if joint not in (a, b)]
        points += others
        ends += [(a, b)] * len(others)
    start, end = x[..., [a for a, _ in ends], :], x[..., [b for _, b in ends], :]
    along = end - start
    area = torch.linalg.vector_norm(torch.linalg.cross(x[..., points, :] - start, along), dim=-1)
    return area / (torch.linalg.vector_norm(along, dim=-1) + 1e-5)
