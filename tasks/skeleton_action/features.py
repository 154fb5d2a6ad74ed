"""How far the joints of a skeleton are from lines through others."""

from collections.abc import Sequence
from itertools import combinations

import torch
from torch import Tensor


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


def joint_line_distances(x: Tensor, parents: Sequence[int]) -> Tensor:
    """The distance of every joint to every line through two others: (..., P, 3) to (..., lines * (P - 2)), metres."""
    points, ends = [], []
    for a, b in lines(parents):
        others = [joint for joint in range(len(parents)) if joint not in (a, b)]
        points += others
        ends += [(a, b)] * len(others)
    start, end = x[..., [a for a, _ in ends], :], x[..., [b for _, b in ends], :]
    along = end - start
    area = torch.linalg.vector_norm(torch.linalg.cross(x[..., points, :] - start, along), dim=-1)
    return area / (torch.linalg.vector_norm(along, dim=-1) + 1e-5)
