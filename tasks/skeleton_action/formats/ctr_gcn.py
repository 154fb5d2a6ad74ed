"""CTR-GCN's format, an .npz file with the two sides of one split:

    x_train, x_test  (N, T, M * P * 3) float: the joints of one person after the other, x, y and z of each joint, and
                     zeros after a clip's last frame
    y_train, y_test  (N, classes): 1 at the class, 0 elsewhere

For NTU RGB+D these are 300 frames and 150 = 2 * 25 * 3 numbers. Names are not in it. Arrays are read clip by clip.
Source: Uason-Chen/CTR-GCN, feeders/feeder_ntu.py and data/ntu/seq_transformation.py.
"""

import math
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from ...config import TaskError, first_line
from ...files import DAMAGED, opened, writing
from ..arrays import MOST_CLASSES, SkeletonSet
from .source import Source, persons_of

SIDES = ("train", "test")


def read(path: Path, joints: int) -> Source:
    """What the file holds, of so many joints of each person."""
    with reading(path) as archive:
        shapes = {side: entry(archive, f"x_{side}")[1] for side in SIDES}
        for side, shape in shapes.items():
            if shape and shape[0] > path.stat().st_size:
                raise ValueError(f"x_{side} cannot be of {shape[0]} clips, more than the file has bytes")
        labels = {side: classes(archive, f"y_{side}") for side in SIDES}
    for side, shape in shapes.items():
        if len(shape) != 3 or shape[2] % (3 * joints) or not all(shape):
            expected = f"(N, T, M * {joints} * 3); --parents is for other skeletons"
            raise TaskError(f"{path}: x_{side} has shape {shape}, expected {expected}")
        if len(labels[side]) != shape[0]:
            raise TaskError(f"{path}: y_{side} has {len(labels[side])} rows, expected {shape[0]}, as x_{side}")
    if shapes["train"][1:] != shapes["test"][1:]:
        raise TaskError(f"{path}: x_train and x_test are {shapes['train']} and {shapes['test']}, expected equal clips")
    first, count = shapes["train"][0], shapes["train"][0] + shapes["test"][0]
    return Source(
        path,
        lambda: clips(path, joints),
        frames=shapes["train"][1],
        persons=shapes["train"][2] // (3 * joints),
        joints=joints,
        label=labels["train"] + labels["test"],
        name=[f"{side}_{number}" for side in SIDES for number in range(shapes[side][0])],
        splits={"given": (range(first), range(first, count))},
    )


@contextmanager
def reading(path: Path) -> Iterator[zipfile.ZipFile]:
    """What is wrong with the file becomes a TaskError."""
    with opened(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except TaskError:
            raise
        except DAMAGED as error:
            raise TaskError(f"{path} is not an .npz file as CTR-GCN has: {first_line(error)}") from None


def entry(archive: zipfile.ZipFile, name: str) -> tuple[IO[bytes], tuple[int, ...], np.dtype]:
    """An array's numbers to be read one after the other, its shape and type."""
    if f"{name}.npy" not in archive.namelist():
        raise ValueError(f"it lacks {name}; expected x_train, y_train, x_test and y_test")
    info = archive.getinfo(f"{name}.npy")
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise ValueError(f"{name} is compressed in a way that numpy does not write")
    stream = archive.open(info)
    if np.lib.format.read_magic(stream) != (1, 0):
        raise ValueError(f"{name} is of a version that np.savez does not write")
    shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(stream)
    if is_fortran or dtype.kind not in "fiu" or dtype.itemsize > 8:
        raise ValueError(f"{name} is {dtype}{', by columns' if is_fortran else ''}, expected numbers, by rows")
    held = info.file_size - stream.tell()
    if math.prod(shape) * dtype.itemsize != held:
        raise ValueError(f"{name} holds {held} bytes, which does not fit its shape {shape} of {dtype}")
    return stream, shape, dtype


def rows(archive: zipfile.ZipFile, name: str) -> Iterator[np.ndarray]:
    """The array along its first axis."""
    stream, shape, dtype = entry(archive, name)
    with stream:
        for _ in range(shape[0]):
            yield np.frombuffer(stream.read(math.prod(shape[1:]) * dtype.itemsize), dtype).reshape(shape[1:])


def classes(archive: zipfile.ZipFile, name: str) -> list[int]:
    _, shape, _ = entry(archive, name)
    if len(shape) != 2 or not 1 <= shape[1] <= MOST_CLASSES:
        raise ValueError(f"{name} has shape {shape}, expected (N, classes), at most {MOST_CLASSES} of them")
    found = []
    for number, row in enumerate(rows(archive, name)):
        label = np.flatnonzero(row > 0)
        if len(label) != 1:
            raise ValueError(f"row {number} of {name} has {len(label)} numbers above 0, expected one, at the class")
        found.append(int(label[0]))
    return found


def clips(path: Path, joints: int) -> Iterator[np.ndarray]:
    with reading(path) as archive:
        for side in SIDES:
            for clip in rows(archive, f"x_{side}"):
                length = int(np.flatnonzero(clip.any(1)).max(initial=-1)) + 1
                yield clip[:length].reshape(length, clip.shape[1] // (3 * joints), joints, 3)


def write(path: Path, clips: SkeletonSet, sides: Sequence[np.ndarray], classes: int) -> None:
    """Writes the clips of both sides of a split, as float32."""
    with writing(path) as file, zipfile.ZipFile(file, "w") as archive:
        for side, chosen in zip(SIDES, sides, strict=True):
            shape = len(chosen), clips.data.shape[1], clips.data.shape[2] * 3
            with archive.open(f"x_{side}.npy", "w", force_zip64=True) as stream:
                header = {"descr": "<f4", "fortran_order": False, "shape": shape}
                np.lib.format.write_array_header_1_0(stream, header)
                for number in chosen:
                    clip = np.zeros(shape[1:], "<f4")
                    clip[: clips.length[number]] = persons_of(clips, number).reshape(-1, shape[2])
                    stream.write(clip.tobytes())
            with archive.open(f"y_{side}.npy", "w", force_zip64=True) as stream:
                np.lib.format.write_array(stream, np.eye(classes)[clips.label[chosen]])
