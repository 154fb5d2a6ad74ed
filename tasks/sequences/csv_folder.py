"""Series from a folder of CSV files: one for each series, a line for each step, a column for each channel.

labels.csv in the folder names them: the columns `file` and `label`, and perhaps `split` ("train", "validation" or
"test") and `group`. A first line of names, in a file of a series, is skipped.
"""

from pathlib import Path

from ..config import TaskError
from ..csv_files import file_of, numbers, table
from .series import SeriesSet, make_set


def read_csv_folder(folder: Path, regression: bool) -> SeriesSet:
    path = folder / "labels.csv"
    if not path.is_file():
        raise TaskError(f"{folder} has no labels.csv, which names the files of the series and their labels")
    columns = table(path, ("file", "label"))
    series = [numbers(file_of(path, name)) for name in columns["file"]]
    return make_set(
        str(path), series, columns["label"], columns.get("split"), columns.get("group"), regression=regression
    )
