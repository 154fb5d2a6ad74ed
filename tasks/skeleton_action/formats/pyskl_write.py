"""Writes pyskl's format, clip by clip: pickle.dump would keep all of them in memory.

What numpy writes of an array is said in its opcodes, by the module's name in numpy 1, which numpy 2 knows too.
"""

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ...config import TaskError
from ...files import writing
from ..arrays import SkeletonSet
from ..bodies import has_data
from .source import persons_of

PROTOCOL = 3
START = pickle.PROTO + bytes([PROTOCOL])


def write(path: Path, clips: SkeletonSet, splits: Mapping[str, tuple[np.ndarray, np.ndarray]]) -> None:
    """Writes all clips, and of each split NAME the lists NAME_train and NAME_val."""
    names = [str(name) for name in clips.name]
    if len(set(names)) < len(names):
        raise TaskError("two clips of the set have the same name, by which the lists of a .pkl name them")
    split = {
        f"{name}_{side}": [names[number] for number in chosen]
        for name, sides in splits.items()
        for side, chosen in zip(("train", "val"), sides, strict=True)
    }
    with writing(path) as file:
        file.write(START + pickle.EMPTY_DICT)
        file.write(plain("split") + plain(split) + pickle.SETITEM)
        file.write(plain("annotations") + pickle.EMPTY_LIST)
        for number, name in enumerate(names):
            file.write(annotation(name, int(clips.label[number]), persons_of(clips, number)) + pickle.APPEND)
        file.write(pickle.SETITEM + pickle.STOP)


def annotation(name: str, label: int, positions: np.ndarray) -> bytes:
    """A clip's dict; positions (T, M, P, 3), of which the last persons are left out if they are never seen."""
    persons = int(np.flatnonzero(has_data(positions).any(0)).max(initial=0)) + 1
    keypoint = positions[:, :persons].transpose(1, 0, 2, 3)
    fields = {"frame_dir": name, "label": label, "total_frames": len(positions)}
    return plain(fields) + plain("keypoint") + array(keypoint) + pickle.SETITEM


def plain(value: Any) -> bytes:
    """The opcodes of text, numbers, tuples, lists and dicts, which refer to nothing outside."""
    written = pickle.dumps(value, PROTOCOL)
    return written.removeprefix(START).removesuffix(pickle.STOP)


def array(values: np.ndarray) -> bytes:
    """The opcodes of an array, by rows."""

    def name(module: str, function: str) -> bytes:
        return pickle.GLOBAL + f"{module}\n{function}\n".encode()

    def tuple_of(*parts: bytes) -> bytes:
        return pickle.MARK + b"".join(parts) + pickle.TUPLE

    order = "<" if values.itemsize > 1 else "|"
    dtype = name("numpy", "dtype") + plain((values.dtype.str[1:], False, True)) + pickle.REDUCE
    dtype += plain((3, order, None, None, None, -1, -1, 0)) + pickle.BUILD
    empty = tuple_of(name("numpy", "ndarray"), plain((0,)), plain(b"b"))
    state = tuple_of(
        plain(1),
        plain(values.shape),
        dtype,
        plain(False),
        plain(values.astype(values.dtype.newbyteorder("<")).tobytes()),
    )
    return name("numpy.core.multiarray", "_reconstruct") + empty + pickle.REDUCE + state + pickle.BUILD
