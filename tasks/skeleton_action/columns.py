"""The columns of a set, such as the subject and view of each clip, and its splits."""

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..config import TaskError
from .arrays import load, read_split

OF_A_SET = ("data", "length", "label", "name", "parents")


def check_name(name: str) -> None:
    """That a column or a split can be called so."""
    if not re.fullmatch(r"\w[\w.-]{0,100}", name) or name in OF_A_SET or name.endswith(("_train", "_test")):
        taken = f"other than {', '.join(OF_A_SET)}, and not ending in _train or _test"
        raise TaskError(f"a column or split is called {name[:80]!r}, expected letters, digits and _, {taken}")


def as_column(texts: Sequence[str]) -> list[int] | list[str]:
    """Numbers, if all are whole and written as Python writes them; otherwise the text."""
    if all(re.fullmatch(r"0|-?[1-9]\d{0,17}", text, re.ASCII) for text in texts):
        return [int(text) for text in texts]
    return list(texts)


def columns(folder: Path, clips: int) -> dict[str, np.ndarray]:
    """The columns of a set by name: every array of one number or text for each clip that is not of the format."""
    found = {}
    for path in sorted(folder.glob("*.npy")):
        if path.stem not in OF_A_SET and not path.stem.endswith(("_train", "_test")):
            values = load(path)
            if values.shape != (clips,) or values.dtype.kind not in "iuU":
                expected = f"({clips},) whole numbers or text, one of each clip"
                raise TaskError(f"{path} is {values.dtype} {values.shape}, expected {expected}")
            found[path.stem] = values
    return found


def splits(folder: Path, clips: int) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """The splits of a set by name."""
    names = sorted(path.name.removesuffix("_train.npy") for path in folder.glob("*_train.npy"))
    return {name: read_split(folder, name, clips) for name in names}
