"""Skeleton action recognition: the network, its settings, and the task as the training loop takes it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import torch
import tyro
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from indrnn_cupy import with_differences

from ..config import TaskError
from ..distributed import one_first
from ..networks import NetworkConfig, activity_loss, make_body, make_classifier, read_out
from ..task import Task
from . import arrays
from .features import joint_line_distances, lines, published_lines
from .sampling import SampledClips
from .synthetic import ensure


@dataclass
class Config(NetworkConfig):
    task = "skeleton_action"

    data_dir: Annotated[str | None, tyro.conf.arg(aliases=["--data-path"])] = None
    """Folder of a set, as npy2data writes it; without it, clips of a generated figure, in synthetic_dir."""
    synthetic_dir: str = "synthetic_skeletons"
    """Where generated clips are kept: text files, arrays, and the set."""
    split: str = "cross_subject"
    """Which split of the set: cross_subject, cross_view, cross_setup."""
    frames: int = 20
    """S, the frames drawn from each clip."""
    sampling: Literal["published", "uniform", "crop"] = "published"
    """How they are drawn: by the rule of Li et al., which leaves zeros around short clips; one of each of so many equal
    parts; or the same of a random half or more of the clip."""
    votes: int = 20
    """Times that a clip is drawn in the test; the mean of the outputs counts. A fifth as many in validation."""
    joint_lines: bool = False
    """Add the distances of joints to lines through two others."""
    differences: bool = False
    """Add how each number changed since the frame before; in a dense network of every layer too."""
    published: bool = False
    """Lines and changes as in IndRNN_pytorch: lines to its ends, not those of hands and feet; the first change of a
    clip is its first frame, not 0."""
    random_time: bool = False
    """Draw the number of frames too, from N(frames, (frames / 4)^2), for each batch."""
    rotation: float = 0.0
    """Degrees by which a clip is turned at most, at random, about the vertical and the sideways axis."""

    def check(self) -> None:
        super().check()
        self.expect_positive("frames", "votes")
        self.expect("rotation", lambda v: 0 <= v <= 180, "a number from 0 to 180")
        self.expect("split", lambda v: v and "/" not in v, "the name of a split")


class SkeletonNetwork(nn.Module):
    """Classifies clips from their last frame: (B, S, J, 3) to logits (B, classes); of (B, votes, S, J, 3) the mean."""

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
        parts = [clips.flatten(2)]
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
        output, _ = self.body(self.features(clips.transpose(0, 1)))
        return self.classifier(read_out(self.config, output))


def make_task(config: Config) -> Task:
    with one_first():
        folder = Path(config.data_dir) if config.data_dir else ensure(Path(config.synthetic_dir))
    clips = arrays.read_set(folder)
    training, test = arrays.read_split(folder, config.split, len(clips.data))
    order = np.random.default_rng(config.seed).permutation(training)
    held = max(1, round(0.05 * len(order)))
    names = class_names(folder, int(clips.label.max()) + 1)

    def sampled(chosen: np.ndarray, votes: int) -> SampledClips:
        return SampledClips(clips, chosen, config.frames, config.seed, votes, sampling=config.sampling)

    return Task(
        SkeletonNetwork(config, clips.data.shape[2], clips.parents, len(names)),
        SampledClips(
            clips,
            order[held:],
            config.frames,
            config.seed,
            random_time=config.random_time,
            rotation=config.rotation,
            sampling=config.sampling,
        ),
        sampled(order[:held], max(1, config.votes // 5)),
        sampled(test, config.votes),
        loss=cross_entropy,
        score=lambda outputs, targets: (outputs.argmax(1) == targets).float(),
        metric="accuracy",
        better="max",
        activity_loss=activity_loss(config),
        classes=names,
    )


def class_names(folder: Path, classes: int) -> list[str]:
    """The lines of classes.txt, if the set has one; else 0, 1, ..."""
    path = folder / "classes.txt"
    if not path.exists():
        return [str(number) for number in range(classes)]
    names = path.read_text("utf-8", "replace").splitlines()
    if len(names) < classes:
        raise TaskError(f"{path} has {len(names)} lines, expected one for each of {classes} classes")
    return names
