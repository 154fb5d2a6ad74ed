"""Compiled code on disk, one file for each program, safe for many processes and private to the user.

An entry holds machine code, so one that anybody but the user and root owns or may write is never loaded. Each entry
ends with its own checksum: a damaged or half-written file is built anew. Where the cache cannot be written, or its file
system does not let code be loaded, entries are in a temporary folder of this process instead.
"""

import fcntl
import hashlib
import os
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from . import process_folder
from .errors import KernelCompileError

_DIGEST = hashlib.sha256().digest_size
PATIENCE = 60.0  # seconds that a process waits for another one's compiler
STALE = 3600.0  # seconds after which a draft or a lock is of a process that was killed


def folder() -> Path:
    """Where compiled kernels are kept: INDRNN_CUPY_CACHE_DIR, the user's cache folder, or else one of this process."""
    try:
        if chosen := os.environ.get("INDRNN_CUPY_CACHE_DIR"):
            place = Path(chosen).absolute()
        else:
            base = Path(os.environ.get("XDG_CACHE_HOME", ""))
            place = (base if base.is_absolute() else Path.home() / ".cache") / "indrnn_cupy"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _trusted(place.stat()):
            return place
    except (OSError, RuntimeError, ValueError):  # a home that is missing or cannot be written, a name with a NUL
        pass
    return process_folder.path()


def get(name: str, build: Callable[[Path], None], load: Callable[[Path], Any]) -> Any:
    """What `load` gives for the entry of this name; where there is none, `build` writes it to the path that it gets.

    Of several processes one builds: the others wait for it at most PATIENCE seconds, as compilers that run side by side
    would take each other's time, and then build too, as they do where files cannot be locked.
    """
    place = folder()
    if (found := _load(place / name, load)) is not None:
        return found
    with _turn(place / f"{name}.lock"):
        if (found := _load(place / name, load)) is not None:
            return found
        content, places = _read(place / name), [process_folder.path()]
        if content is None:  # else it is there, but cannot be loaded from there
            content, places = _built(build), [place, *places]
        problem: OSError | None = None
        for there in places:
            try:
                _put(there, name, content)
                return load(there / name)
            except OSError as error:  # read-only, full, something in the way, or mounted such that nothing is executed
                problem = error
    raise KernelCompileError(
        f"what was compiled cannot be kept or loaded ({problem}); set INDRNN_CUPY_CACHE_DIR to a folder that has room "
        "and may hold code, in a file system that is not mounted noexec"
    )


def _trusted(info: os.stat_result) -> bool:
    return info.st_uid in (0, os.getuid()) and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read(entry: Path) -> bytes | None:
    """The content of an entry that is whole and that nobody else could have written."""
    try:
        info = entry.lstat()
        if not stat.S_ISREG(info.st_mode) or not _trusted(info):
            return None
        content = entry.read_bytes()
    except OSError:
        return None
    return content if hashlib.sha256(content[:-_DIGEST]).digest() == content[-_DIGEST:] else None


def _load(entry: Path, load: Callable[[Path], Any]) -> Any:
    try:
        return load(entry) if _read(entry) else None
    except OSError:
        return None


def _built(build: Callable[[Path], None]) -> bytes:
    with tempfile.TemporaryDirectory(dir=process_folder.path()) as workshop:
        draft = Path(workshop) / "draft"
        build(draft)
        content = draft.read_bytes()
    return content + hashlib.sha256(content).digest()


def _put(place: Path, name: str, content: bytes) -> None:
    """Writes an entry such that other processes see the whole of it or nothing; removes what killed ones left."""
    for left in (*place.glob("*.tmp"), *place.glob("*.lock")):
        with suppress(OSError):  # another process removes it too
            if time.time() - left.lstat().st_mtime > STALE:
                left.unlink()
    descriptor, written = tempfile.mkstemp(dir=place, suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(written, 0o700)
        os.replace(written, place / name)
    finally:
        Path(written).unlink(missing_ok=True)


@contextmanager
def _turn(lock: Path) -> Iterator[None]:
    """Waits for the others that build the same entry, for a time. A process that is killed holds nothing up."""
    try:
        descriptor = os.open(lock, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    except OSError:  # where nothing can be written
        yield
        return
    try:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                time.sleep(0.02)
            except OSError:  # a file system without locks
                break
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)
