"""The network of skeleton action recognition."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from indrnn_cupy import with_differences

from ..networks import make_body, make_classifier, read_out
from .features import joint_line_distances, lines, published_lines
from .settings import Config
from .streams import stream_of


class SkeletonNetwork(nn.Module):
    """Classifies clips from their last frame: (B, S, J, 3) to logits (B, classes); of (B, votes, S, J, 3) the mean.

    A clip may end before S: then NaN follows, which reaches nothing.
    """

    def __init__(self, config: Config, joints: int, parents: Sequence[int], classes: int) -> None:
        super().__init__()
        self.config, self.parents = config, parents
        self.lines = (published_lines if config.published else lines)(parents) if config.joint_lines else []
        with torch.no_grad():
            features = self.features(torch.zeros(1, 1, joints, 3)).shape[-1]
        differences: bool | Literal["from_zero"] = (
            "from_zero" if config.differences and config.published else config.differences
        )
        self.body = make_body(config, features, config.frames, (1 / 5, 3 / 5), differences)
        self.classifier = make_classifier(self.body.output_size, classes)

    def features(self, clips: Tensor) -> Tensor:
        """(S, B, J, 3) to (S, B, features)."""
        parts = [stream_of(clips, self.parents, self.config.stream).flatten(2)]
        if self.config.joint_lines:
            persons = clips.unflatten(2, (-1, len(self.parents)))
            parts.append(joint_line_distances(persons, self.lines).flatten(2))
        x = torch.cat(parts, -1)
        if not self.config.differences or self.config.network == "dense":
            return x
        return with_differences(x, from_zero=self.config.published)

    def forward(self, clips: Tensor) -> Tensor:
        if clips.dim() == 5:
            return self(clips.flatten(0, 1)).unflatten(0, clips.shape[:2]).mean(1)
        clips, lengths = clips.transpose(0, 1), None
        if self.config.sampling == "all":
            lengths, clips = (~clips[..., 0, 0].isnan()).sum(0), clips.nan_to_num()
        output, _ = self.body(self.features(clips), lengths=lengths)
        return self.classifier(read_out(self.config, output, lengths))
