"""A folder with a file for each clip, and labels.csv, which names them. Its columns are

    file        .npy of (T, M, P, 3), M persons with P joints each, or (T, M * P, 3); or .csv with a row for each frame:
                x, y and z of each joint; where P is not said, joints are of one person, but 50 of two of NTU RGB+D
    label       the class: a number from 0, or text
    name        what the clip is called, if not as its file
    subject, view, or any other: a column of the set
    split, split_NAME: train, test or nothing

classes.txt, if it is there, has the names of classes that are numbers, one a line.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...config import TaskError
from ...csv_files import file_of, numbers, table
from ...files import new_folder, write_whole
from ..arrays import SkeletonSet, load
from ..columns import as_column
from ..ntu import PARENTS
from .source import Source, columns_of_names, persons_of


def read(folder: Path, joints: int | None) -> Source:
    """What the folder holds; `joints` of one person, if the shape does not say it."""
    path = folder / "labels.csv"
    columns = table(path, ("file", "label"))
    files = [file_of(path, name) for name in columns.pop("file")]
    if not files:
        raise TaskError(f"{path} names no clips")
    shapes = [positions(file, joints).shape for file in files]
    if len({shape[2] for shape in shapes}) > 1:
        counts = ", ".join(map(str, sorted({shape[2] for shape in shapes})))
        raise TaskError(f"{path} names clips of {counts} joints, expected the same number")
    label, classes = as_classes(path, columns.pop("label"))
    name = columns.pop("name", [file.stem for file in files])
    splits = {
        key.removeprefix("split").removeprefix("_") or "given": sides(path, key, columns.pop(key))
        for key in [*columns]
        if key == "split" or key.startswith("split_")
    }
    return Source(
        path,
        lambda: (positions(file, joints) for file in files),
        frames=max(shape[0] for shape in shapes),
        persons=max(shape[1] for shape in shapes),
        joints=shapes[0][2],
        label=label,
        name=name,
        splits=splits,
        columns=columns_of_names(name) | {key: as_column(values) for key, values in columns.items()},
        classes=classes,
    )


def positions(path: Path, joints: int | None) -> np.ndarray:
    """A clip (T, M, P, 3); an .npy file is mapped."""
    values = load(path, mapped=True) if path.suffix == ".npy" else numbers(path)
    if values.dtype.kind not in "fiu" or not values.size or values.ndim > 4:
        raise TaskError(f"{path} is {values.dtype} {values.shape}, expected numbers (T, M, P, 3) or (T, M * P, 3)")
    if values.ndim == 2 and values.shape[1] % 3 == 0:
        values = values.reshape(len(values), -1, 3)
    if values.ndim == 3:
        own = joints or (len(PARENTS) if values.shape[1] % len(PARENTS) == 0 else values.shape[1])
        if values.shape[1] % own == 0:
            values = values.reshape(len(values), -1, own, values.shape[2])
    if values.ndim != 4 or values.shape[3] != 3 or values.shape[2] != (joints or values.shape[2]):
        expected = f"(T, M, {joints or 'P'}, 3) or (T, M * {joints or 'P'}, 3), in a .csv rows of M * P * 3 numbers"
        raise TaskError(f"{path} has shape {values.shape}, expected {expected}")
    return values


def as_classes(path: Path, label: Sequence[str]) -> tuple[Sequence[int], list[str]]:
    """Labels as numbers, and if they are text their names in order."""
    if "" in label:
        raise TaskError(f"{path}: line {label.index('') + 2} has no label")
    names = sorted(set(label))
    if all(isinstance(one, int) for one in as_column(label)):
        return [int(one) for one in label], []
    return [names.index(one) for one in label], names


def sides(path: Path, key: str, values: Sequence[str]) -> tuple[list[int], list[int]]:
    found = [[number for number, value in enumerate(values) if value == side] for side in ("train", "test")]
    if odd := {*values} - {"train", "test", ""}:
        raise TaskError(f"{path}: the column {key} has {min(odd)!r}, expected train, test or nothing")
    if not all(found):
        raise TaskError(f"{path}: the column {key} has no clip for {'the test' if found[0] else 'training'}")
    return found[0], found[1]


def write(
    folder: Path,
    clips: SkeletonSet,
    splits: Mapping[str, tuple[np.ndarray, np.ndarray]],
    columns: Mapping[str, np.ndarray],
    classes: Sequence[str],
    as_csv: bool,
) -> None:
    """Writes clips/00000.npy (T, M, P, 3), ... or .csv, and labels.csv with numbers as labels."""
    count = len(clips.name)
    files = [f"clips/{number:05d}.{'csv' if as_csv else 'npy'}" for number in range(count)]
    listed = {"file": files, "name": clips.name.tolist(), "label": clips.label.tolist()}
    if taken := [key for key in columns if key in listed or key.partition("_")[0] == "split"]:
        raise TaskError(
            f"the set has a column {taken[0]}, which in labels.csv has another meaning; rename {taken[0]}.npy"
        )
    listed |= {key: values.tolist() for key, values in columns.items()}
    for split, (training, test) in splits.items():
        side = np.full(count, "", "<U5")
        side[training], side[test] = "train", "test"
        listed[f"split_{split}"] = side.tolist()
    for value in (str(value) for values in listed.values() for value in values):
        if value != value.strip() or not value.isprintable():
            raise TaskError(f"the set has the text {value[:80]!r}, which a line of labels.csv cannot hold")
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(listed)
    writer.writerows(zip(*listed.values(), strict=True))
    with new_folder(folder) as draft:
        (draft / "clips").mkdir()
        for number, file in enumerate(files):
            positions = persons_of(clips, number)
            if as_csv:
                np.savetxt(draft / file, positions.reshape(len(positions), -1), "%.9g", ",")
            else:
                np.save(draft / file, positions)
        if classes:
            write_whole(draft / "classes.txt", "".join(f"{name}\n" for name in classes).encode())
        write_whole(draft / "labels.csv", text.getvalue().encode())
