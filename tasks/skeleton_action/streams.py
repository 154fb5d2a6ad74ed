"""Streams: the same clips as joints, as bones, and as the motion of either."""

from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor

Stream: TypeAlias = Literal["joint", "bone", "joint-motion", "bone-motion"]


def stream_of(clips: Tensor, parents: Sequence[int], stream: Stream) -> Tensor:
    """(S, B, J, 3) to the same: positions, or vectors from each joint's parent to it (the root's is 0).

    Their motion is the change since the frame before, 0 in the first.
    """
    if stream.startswith("bone"):
        persons = clips.unflatten(2, (-1, len(parents)))
        clips = (persons - persons[..., list(parents), :]).flatten(2, 3)
    return torch.diff(clips, dim=0, prepend=clips[:1]) if stream.endswith("motion") else clips
