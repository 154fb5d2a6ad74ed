"""Combines runs of several streams: the mean of their class probabilities, by weights.

    python -m tasks.skeleton_action.evaluate --checkpoint runs/joint/best.pt --scores joint.npz
    python -m tasks.skeleton_action.evaluate --checkpoint runs/bone/best.pt --scores bone.npz
    python -m tasks.skeleton_action.fuse joint.npz bone.npz --weights 0.6 0.4

Prints the accuracy of each, and of all together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
import tyro

from ..command import run_command
from ..config import TaskError
from ..scores import Scores, read_scores


@dataclass
class Config:
    files: Annotated[list[Path], tyro.conf.Positional]
    """What evaluate --scores wrote, of the same clips."""
    weights: list[float] = field(default_factory=list)
    """Of each file; by default 1. Choose them on other clips than these."""


def fuse(runs: Sequence[Scores], weights: Sequence[float]) -> np.ndarray:
    """The weighted mean of the probabilities of each class, (N, classes)."""
    probabilities = [torch.from_numpy(run.scores).double().softmax(1).numpy() for run in runs]
    return np.average(probabilities, axis=0, weights=weights)


def read_all(config: Config) -> list[Scores]:
    """The scores of these files, which must be of the same clips."""
    if not config.files:
        raise TaskError("fuse needs one or more files that evaluate --scores wrote")
    if config.weights and (len(config.weights) != len(config.files) or not 0 < sum(config.weights) < np.inf):
        raise TaskError(f"--weights has {len(config.weights)} numbers, expected one above 0 for each file")
    if min(config.weights, default=0) < 0:
        raise TaskError(f"--weights has {min(config.weights)}, expected numbers of 0 or above")
    runs = [read_scores(path) for path in config.files]
    for path, run in zip(config.files, runs, strict=True):
        for what in ("names", "labels"):
            if not np.array_equal(getattr(run, what), getattr(runs[0], what)):
                raise TaskError(f"{path} is of other clips than {config.files[0]}: their {what} differ")
        if run.scores.shape != runs[0].scores.shape:
            classes = run.scores.shape[1], runs[0].scores.shape[1]
            raise TaskError(f"{path} has {classes[0]} classes, and {config.files[0]} {classes[1]}")
    return runs


def report(config: Config) -> None:
    runs = read_all(config)
    weights = config.weights or [1.0] * len(runs)
    each = [(str(path), run.scores) for path, run in zip(config.files, runs, strict=True)]
    for name, scores in [*each, ("all", fuse(runs, weights))]:
        print(f"{name}: accuracy {100 * (scores.argmax(1) == runs[0].labels).mean():.2f} %, {len(scores)} samples")


def main(arguments: list[str] | None = None) -> None:
    run_command("tasks.skeleton_action.fuse", __doc__, Config, report, arguments)


if __name__ == "__main__":
    main()
