"""CSV files: rows of text, tables with named columns, rows of numbers. Errors name the file and the line."""

import csv
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from .config import TaskError
from .files import opened


def rows(path: Path) -> list[list[str]]:
    """Reads the non-empty rows of a CSV file."""
    with opened(path) as file:
        try:
            text = file.read().decode("utf-8-sig")
            return [row for row in csv.reader(text.splitlines()) if any(field.strip() for field in row)]
        except (UnicodeDecodeError, csv.Error) as error:
            raise TaskError(f"{path} is not a CSV file in UTF-8: {error}") from None


def table(path: Path, needed: Iterable[str]) -> dict[str, list[str]]:
    """Reads the columns of a table, by the names in its first line, which must include those in `needed`."""
    header, *lines = rows(path) or [[]]
    names = [name.strip().lower() for name in header]
    if not {*needed} <= {*names} or len({*names}) < len(names):
        expected = f"expected columns named {' and '.join(needed)}, each name once"
        raise TaskError(f"{path} begins with {', '.join(header) or 'nothing'}, {expected}")
    for number, line in enumerate(lines, 2):
        if len(line) != len(names):
            raise TaskError(f"{path}: line {number} has {len(line)} fields, expected {len(names)}")
    return {name: [line[place].strip() for line in lines] for place, name in enumerate(names)}


def file_of(path: Path, name: str) -> Path:
    """Returns the path of a file that a table names, which must be in the table's folder."""
    found = path.parent / name
    try:
        inside = name and found.resolve().is_relative_to(path.parent.resolve())
    except (ValueError, OSError, RuntimeError):  # a NUL, or a loop of symbolic links
        inside = False
    if not inside:
        raise TaskError(f"{path} names the file {name!r}, expected one in the folder")
    return found


def numbers(path: Path) -> np.ndarray:
    """Reads a file of numbers, (lines, columns) float64; a header line is skipped."""
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
