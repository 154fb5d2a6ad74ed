"""Series from a folder of CSV files: one for each series, a line for each step, a column for each channel.

labels.csv in the folder names them: the columns `file` and `label`, and perhaps `split` ("train", "validation" or
"test") and `group`. A first line of names, in a file of a series, is skipped.
"""

import csv
from pathlib import Path

import numpy as np

from ..config import TaskError
from ..files import opened
from .series import SeriesSet, make_set


def rows(path: Path) -> list[list[str]]:
    """The lines of a CSV file that are not empty."""
    with opened(path) as file:
        try:
            text = file.read().decode("utf-8-sig")
            return [row for row in csv.reader(text.splitlines()) if any(field.strip() for field in row)]
        except (UnicodeDecodeError, csv.Error) as error:
            raise TaskError(f"{path} is no CSV file in UTF-8: {error}") from None


def read_csv_folder(folder: Path, regression: bool) -> SeriesSet:
    path = folder / "labels.csv"
    if not path.is_file():
        raise TaskError(f"{folder} has no labels.csv, which names the files of the series and their labels")
    header, *lines = rows(path) or [[]]
    names = [name.strip().lower() for name in header]
    if not {"file", "label"} <= {*names}:
        raise TaskError(f"{path} begins with {', '.join(header) or 'nothing'}, expected columns named file and label")
    for number, line in enumerate(lines, 2):
        if len(line) != len(names):
            raise TaskError(f"{path}: line {number} has {len(line)} fields, expected {len(names)}")
    columns = {name: [line[place].strip() for line in lines] for place, name in enumerate(names)}
    series = [_series(folder, name) for name in columns["file"]]
    return make_set(
        str(path), series, columns["label"], columns.get("split"), columns.get("group"), regression=regression
    )


def _series(folder: Path, name: str) -> np.ndarray:
    path = folder / name
    if not name or not path.resolve().is_relative_to(folder.resolve()):
        raise TaskError(f"{folder / 'labels.csv'} names the file {name!r}, expected one in the folder")
    lines = rows(path)
    if lines and not _is_number(lines[0][0]):
        lines = lines[1:]
    for number, line in enumerate(lines, 1):
        if len(line) != len(lines[0]) or not all(map(_is_number, line)):
            raise TaskError(f"{path}: step {number} is {','.join(line)[:60]!r}, expected {len(lines[0])} numbers")
    if not lines:
        raise TaskError(f"{path} has no steps")
    return np.array([[float(field) for field in line] for line in lines])


def _is_number(field: str) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return "_" not in field
