"""Skeleton action recognition: the task as the training loop takes it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from torch.nn.functional import cross_entropy

from ..config import TaskError
from ..distributed import one_first
from ..networks import activity_loss
from ..task import Task
from . import arrays
from .augmentation import Augmentation
from .network import SkeletonNetwork
from .samples import Reader, SampledClips
from .settings import Config
from .synthetic import ensure
from .validation import hold_out

UNSEEN_VIEW = 60.0  # degrees of rotation


def make_task(config: Config) -> Task:
    with one_first():
        folder = Path(config.data_dir) if config.data_dir else ensure(Path(config.synthetic_dir))
    clips = arrays.read_set(folder)
    training, test = arrays.read_split(folder, config.split, len(clips.data))
    rotation = UNSEEN_VIEW * holds_out_views(config.split, clips.view, training, test)
    training, validation = hold_out(clips, training, config.validation, config.held_out, config.seed)
    names = class_names(folder, int(clips.label.max()) + 1)
    reader = make_reader(config, clips)
    augmentation = Augmentation(
        clips.parents,
        rotation if config.rotation is None else config.rotation,
        config.resize,
        config.shear,
        config.mirror,
        config.joint_dropout,
    )
    return Task(
        make_network(config, clips, len(names)),
        SampledClips(
            reader, training, config.frames, config.seed, random_time=config.random_time, augmentation=augmentation
        ),
        SampledClips(reader, validation, config.frames, config.seed, votes_of(config, share=5)),
        SampledClips(reader, test, config.frames, config.seed, votes_of(config)),
        loss=cross_entropy,
        score=lambda outputs, targets: (outputs.argmax(1) == targets).float(),
        metric="accuracy",
        better="max",
        activity_loss=activity_loss(config),
        classes=names,
        names=clips.name[test].tolist(),
    )


def make_network(config: Config, clips: arrays.SkeletonSet, classes: int) -> SkeletonNetwork:
    """A network for clips of this set."""
    if config.sampling == "all":
        config = replace(config, frames=int(clips.length.max()))
    return SkeletonNetwork(config, clips.data.shape[2], clips.parents, classes)


def make_reader(config: Config, clips: arrays.SkeletonSet) -> Reader:
    return Reader(clips, config.sampling, config.center, config.scale)


def votes_of(config: Config, share: int = 1) -> int:
    """How often a clip is drawn, or a share of that; 0 with all frames, which are the same each time."""
    return 0 if config.sampling == "all" else max(1, config.votes // share)


def holds_out_views(split: str, view: np.ndarray | None, training: np.ndarray, test: np.ndarray) -> bool:
    """Whether no clip for training was taken from where those of the test were."""
    return split == "cross_view" or (view is not None and not np.isin(view[test], view[training]).any())


def class_names(folder: Path, classes: int) -> list[str]:
    """The lines of classes.txt, if the set has one; else 0, 1, ..."""
    path = folder / "classes.txt"
    if not path.exists():
        return [str(number) for number in range(classes)]
    names = path.read_text("utf-8", "replace").splitlines()
    if len(names) < classes:
        raise TaskError(f"{path} has {len(names)} lines, expected one for each of {classes} classes")
    return names
