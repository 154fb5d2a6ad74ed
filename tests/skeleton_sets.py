"""A small set for the tests of formats, and how a command ends."""

import numpy as np
from skeleton_clips import exit_status

from tasks.skeleton_action import arrays, convert, ntu

LENGTHS = (3, 7, 5, 1, 4, 6)
TRAINING, TEST = [0, 2, 4], [5, 1, 3]
NAMES = [f"S001C00{1 + n % 3}P00{n + 1}R001A00{1 + n % 2}" for n in range(6)]


def positions(joints=50, dtype=np.float32):
    """Clips in some of whose frames a person is not seen, or nobody."""
    rng = np.random.default_rng(0)
    clips = [rng.normal(size=(length, joints, 3)).astype(dtype) for length in LENGTHS]
    clips[0][:, joints // 2 :] = 0
    clips[1][2, : joints // 2] = 0
    clips[2][1] = 0
    return clips


def make_set(folder, **changes):
    options = {
        "clips": positions(), "shape": (6, 7, 50), "dtype": "float32", "label": [n % 2 for n in range(6)],
        "name": NAMES, "parents": ntu.PARENTS, "splits": {"half": (TRAINING, TEST)}, "classes": ["sit", "stand"],
        "columns": {"subject": [n + 1 for n in range(6)], "view": [1 + n % 3 for n in range(6)]},
    }  # fmt: skip
    arrays.write(folder, **(options | changes))
    return folder


def run(*arguments):
    assert exit_status(convert.main, [*map(str, arguments)]) == 0


def error_of(capsys, main, *arguments):
    """The line that a command ends with."""
    capsys.readouterr()
    assert exit_status(main, [*map(str, arguments)]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    return said
