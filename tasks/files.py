"""Reads files, and writes them atomically; an error is one line that names the file."""

import os
import re
import shutil
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO

from .config import TaskError, first_line

DAMAGED = (
    *(ValueError, TypeError, LookupError, AttributeError, RuntimeError, MemoryError, OverflowError, EOFError, OSError),
    *(SyntaxError, TokenError, struct.error, zipfile.BadZipFile, zlib.error),
)
"""The exceptions that numpy raises for a damaged .npy or .npz file."""
DRAFT = re.compile(r"\..+\.(\d+)\.tmp")


@contextmanager
def naming(path: Path, done: str) -> Iterator[None]:
    """Turns an OSError into a TaskError: `path` cannot be read, written, ..., as `done` says."""
    try:
        yield
    except OSError as error:
        raise TaskError(f"{path} cannot be {done}: {error.strerror or first_line(error)}") from None


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """Opens a regular file for reading: a pipe or a device might never end."""
    with naming(path, "read"):
        if path.exists() and not path.is_file():
            raise TaskError(f"{path} is not a file")
        with open(path, "rb") as file:
            yield file


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """Opens a temporary file for writing, which is renamed to `path` when it is complete."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # matches DRAFT
    with naming(path, "written"):
        try:
            with open(draft, "wb") as file:
                yield file
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file atomically."""
    with writing(path) as file:
        file.write(content)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Creates a temporary folder to fill, which is renamed to `folder`, which must not exist, when complete."""
    if folder.exists():
        raise TaskError(f"{folder} already exists; remove it, or choose another folder")
    draft = folder.with_name(f".{folder.name}.tmp")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        draft.mkdir()
    except FileExistsError:
        raise TaskError(
            f"{folder} is being written, or a process was killed while writing it: "
            f"remove {draft} if no process is writing to it"
        ) from None
    try:
        yield draft
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def clear_drafts(folder: Path) -> None:
    """Removes temporary files of killed processes, but none of a process still running on this machine."""
    for path in folder.iterdir():
        if found := DRAFT.fullmatch(path.name):
            alive = int(found[1]) != os.getpid() and Path("/proc", found[1]).exists()
            if path.is_file() and not alive:
                path.unlink(missing_ok=True)
