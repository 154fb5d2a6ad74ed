"""Reads series from a folder of CSV files: one file per series, one line per time step, one column per channel.

labels.csv in the folder lists them, in the columns `file`, `label` and optionally `split` ("train", "validation" or
"test") and `group`. A header line in the file of a series is skipped.
"""

from pathlib import Path

from ..config import TaskError
from ..csv_files import file_of, numbers, table
from .series import SeriesSet, make_set


def read_csv_folder(folder: Path, regression: bool) -> SeriesSet:
    path = folder / "labels.csv"
    if not path.is_file():
        raise TaskError(f"{folder} has no labels.csv, which lists the files of the series and their labels")
    columns = table(path, ("file", "label"))
    series = [numbers(file_of(path, name)) for name in columns["file"]]
    return make_set(
        str(path), series, columns["label"], columns.get("split"), columns.get("group"), regression=regression
    )
