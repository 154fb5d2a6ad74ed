"""A figure of 25 joints, moved by angles at its joints: forward kinematics."""

from collections.abc import Mapping

import numpy as np

from .ntu import PARENTS

HEIGHT = 1.7
HIP_HEIGHT = 0.9  # of the spine base above the floor, at HEIGHT

# Metres from the parent, standing, arms hanging: x to the figure's left, y up, z forward. The right mirrors the left.
_LEFT = {
    4: (0.17, -0.03, 0), 5: (0, -0.27, 0), 6: (0, -0.24, 0), 7: (0, -0.07, 0),
    21: (0, -0.08, 0), 22: (-0.03, -0.04, 0.03),
    12: (0.09, -0.02, 0), 13: (0, -0.42, 0), 14: (0, -0.40, 0), 15: (0, -0.06, 0.12),
}  # fmt: skip
_RIGHT = {4: 8, 5: 9, 6: 10, 7: 11, 21: 23, 22: 24, 12: 16, 13: 17, 14: 18, 15: 19}
OFFSETS = np.zeros((25, 3))
OFFSETS[[1, 20, 2, 3]] = (0, 0.28, 0), (0, 0.22, 0), (0, 0.08, 0), (0, 0.14, 0.02)
for _joint, _offset in _LEFT.items():
    OFFSETS[_joint], OFFSETS[_RIGHT[_joint]] = _offset, np.multiply(_offset, (-1, 1, 1))

# Angle: the joint it turns, the axis, and the sign that makes a forward or outward motion positive.
ANGLES = {
    "yaw": (0, 1, 1), "lean": (0, 0, 1), "bend": (1, 0, 1), "nod": (2, 0, 1),
    "left_arm_forward": (4, 0, -1), "left_arm_out": (4, 2, 1), "left_elbow": (5, 0, -1), "left_elbow_in": (5, 2, -1),
    "right_arm_forward": (8, 0, -1), "right_arm_out": (8, 2, -1),
    "right_elbow": (9, 0, -1), "right_elbow_in": (9, 2, 1),
    "left_hip": (12, 0, -1), "left_knee": (13, 0, 1), "right_hip": (16, 0, -1), "right_knee": (17, 0, 1),
}  # fmt: skip
_ORDER = (0, 1, 20, 2, 3, 4, 5, 6, 7, 21, 22, 8, 9, 10, 11, 23, 24, 12, 13, 14, 15, 16, 17, 18, 19)


def rotation(angle: np.ndarray, axis: int) -> np.ndarray:
    """Matrices (F, 3, 3) that turn by these radians about x, y or z."""
    matrix = np.zeros((len(angle), 3, 3))
    i, j = (axis + 1) % 3, (axis + 2) % 3
    matrix[:, axis, axis] = 1
    matrix[:, i, i] = matrix[:, j, j] = np.cos(angle)
    matrix[:, j, i], matrix[:, i, j] = np.sin(angle), -np.sin(angle)
    return matrix


def pose(angles: Mapping[str, np.ndarray], root: np.ndarray, proportions: np.ndarray) -> np.ndarray:
    """Positions (F, 25, 3) in metres of a figure with these angles in radians, its spine base at root (F, 3).

    `proportions`: (25,), the length of each bone against the usual.
    """
    frames = len(root)
    turned = np.tile(np.eye(3), (25, frames, 1, 1))
    for name, values in angles.items():
        joint, axis, sign = ANGLES[name]
        turned[joint] = turned[joint] @ rotation(sign * values, axis)
    positions = np.zeros((25, frames, 3))
    for joint in _ORDER:
        parent = PARENTS[joint]
        if joint == parent:
            positions[joint] = root
        else:
            positions[joint] = positions[parent] + turned[parent] @ (OFFSETS[joint] * proportions[joint])
            turned[joint] = turned[parent] @ turned[joint]
    return positions.swapaxes(0, 1)
