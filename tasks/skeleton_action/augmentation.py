"""Random changes of a clip in training: the same for all of its frames, so that motion stays motion."""

from dataclasses import dataclass
from functools import cache
from itertools import groupby

import numpy as np
from numpy.random import Generator

from ..config import TaskError


def rotation_matrix(degrees: float, rng: Generator) -> np.ndarray:
    """A turn about the vertical and then the sideways axis, each by an angle within +-degrees."""
    (s, t), (c, d) = np.sin(a := np.deg2rad(rng.uniform(-degrees, degrees, 2))), np.cos(a)
    return np.array(((c, 0, s), (s * t, d, -c * t), (-s * d, t, c * d)))


@cache
def mirrored_joints(parents: tuple[int, ...]) -> list[int]:
    """For each joint the one on the other side of the body; its own number for those in the middle.

    Two branches of the same shape that leave a joint in the middle, arms or legs, are each other's mirror image. Raises
    TaskError if there are three.
    """
    children: list[list[int]] = [[] for _ in parents]
    for joint, parent in enumerate(parents):
        if joint != parent:
            children[parent].append(joint)

    def shape(joint: int) -> tuple:
        return tuple(sorted(map(shape, children[joint])))

    other = list(range(len(parents)))

    def pair(left: int, right: int) -> None:
        other[left], other[right] = right, left
        for ends in zip(sorted(children[left], key=shape), sorted(children[right], key=shape), strict=True):
            pair(*ends)

    middle = [joint for joint, parent in enumerate(parents) if joint == parent]
    for joint in middle:  # grows
        for _, found in groupby(sorted(children[joint], key=shape), key=shape):
            alike = list(found)
            if len(alike) > 2:
                raise TaskError(f"--mirror cannot tell left from right: joint {joint} has {len(alike)} equal branches")
            if len(alike) == 2:
                pair(*alike)
            else:
                middle += alike
    return other


@dataclass(frozen=True)
class Augmentation:
    """Turns, sizes, shears, mirrors and hides, as far as each is asked for: (F, J, 3) to the same.

    Positions go through one matrix, which keeps at zero what is zero because nobody is seen.
    """

    parents: tuple[int, ...]
    rotation: float = 0.0
    """Degrees, of :func:`rotation_matrix`."""
    resize: float = 0.0
    """Each axis is longer or shorter by up to this share."""
    shear: float = 0.0
    """Up to this share of each coordinate is added to the two others."""
    mirror: bool = False
    """Every other clip, at random, has left and right exchanged: x changes its sign, and joints change their places."""
    joint_dropout: float = 0.0
    """Probability with which a joint is zero in all frames."""

    def __post_init__(self) -> None:
        if self.mirror:
            mirrored_joints(self.parents)  # says at once what it cannot tell

    def __call__(self, clip: np.ndarray, rng: Generator) -> np.ndarray:
        matrix = np.eye(3)
        if self.mirror and rng.random() < 0.5:
            persons = clip.reshape(len(clip), -1, len(self.parents), 3)
            clip = persons[:, :, mirrored_joints(self.parents)].reshape(clip.shape)
            matrix[0, 0] = -1
        if self.resize:
            matrix = np.diag(rng.uniform(1 - self.resize, 1 + self.resize, 3)) @ matrix
        if self.shear:
            matrix = np.where(np.eye(3), 1, rng.uniform(-self.shear, self.shear, (3, 3))) @ matrix
        if self.rotation:
            matrix = rotation_matrix(self.rotation, rng) @ matrix
        clip = clip @ matrix.T.astype(np.float32)
        if self.joint_dropout:
            clip = clip * (rng.random((clip.shape[1], 1)) >= self.joint_dropout)
        return clip.astype(np.float32)
