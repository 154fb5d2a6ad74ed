"""Files that are read and written whole: what goes wrong is said in a line that names the file."""

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
"""What numpy raises when it reads a damaged .npy or .npz file."""
DRAFT = re.compile(r"\..+\.(\d+)\.tmp")


@contextmanager
def naming(path: Path, done: str) -> Iterator[None]:
    """An error of the operating system becomes a TaskError: `path` cannot be read, or whatever is to be done."""
    try:
        yield
    except OSError as error:
        raise TaskError(f"{path} cannot be {done}: {error.strerror or first_line(error)}") from None


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file, to read from: a pipe or a device might never end."""
    with naming(path, "read"):
        if path.exists() and not path.is_file():
            raise TaskError(f"{path} is not a file")
        with open(path, "rb") as file:
            yield file


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to, which takes its place when it is whole."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")  # as DRAFT
    with naming(path, "written"):
        try:
            with open(draft, "wb") as file:
                yield file
            os.replace(draft, path)
        finally:
            draft.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all."""
    with writing(path) as file:
        file.write(content)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to fill, which takes its place, where nothing may be, when it is whole."""
    if folder.exists():
        raise TaskError(f"{folder} exists; remove it, or choose another folder")
    draft = folder.with_name(f".{folder.name}.tmp")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        draft.mkdir()
    except FileExistsError:
        raise TaskError(
            f"{folder} is being written, or that was killed: remove {draft} if nothing writes there"
        ) from None
    try:
        yield draft
        draft.rename(folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def clear_drafts(folder: Path) -> None:
    """Removes what killed processes left half-written, but no draft of a process that is alive on this machine."""
    for path in folder.iterdir():
        if found := DRAFT.fullmatch(path.name):
            alive = int(found[1]) != os.getpid() and Path("/proc", found[1]).exists()
            if path.is_file() and not alive:
                path.unlink(missing_ok=True)
