"""Compiled code on disk, one file for each program, safe for many processes and private to the user.

An entry holds machine code, so one that anybody but the user and root owns or may write is never loaded. Each entry
ends with its own checksum: a damaged or half-written file is built anew. Where the cache cannot be written, or its file
system does not let code be loaded, entries are in a temporary folder of this process instead.

Of several processes one builds an entry, as compilers that run side by side would take each other's time. The others
wait for it at most PATIENCE seconds and then build too, as they do where the cache cannot be written or locked.
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
from .errors import KernelCompileError, shown

_DIGEST = hashlib.sha256().digest_size
PATIENCE = 60.0  # seconds that a process waits for another one's compiler
STALE = 3600.0  # seconds after which a draft or a lock is that of a process that was killed


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


def get(name: str, build: Callable[[Path], Any], load: Callable[[Path], Any]) -> Any:
    """What `load` gives for the entry of this name; where there is none, `build` writes it to the path that it gets."""
    entry = folder() / name
    content = _read(entry)
    if content is None:
        with _turn(entry):
            content = _read(entry)
            if content is None:
                content = _built(build)
                try:
                    entry = _put(entry, content)
                except OSError:  # read-only, full, or something is in the way
                    entry = _put_in_process_folder(name, content)
    try:
        return load(entry)
    except OSError:  # it was removed since, or the file system is mounted such that nothing is executed
        pass
    copy = _put_in_process_folder(name, content)
    try:
        return load(copy)
    except OSError as error:
        with suppress(OSError):  # what cannot be loaded is not kept: the next process builds it anew
            entry.unlink()
        remedy = ""
        if "failed to map segment" in str(error):
            remedy = "; set INDRNN_CUPY_CACHE_DIR to a folder that may hold code, in a file system not mounted noexec"
        raise KernelCompileError(f"what was compiled cannot be loaded: {shown(error)}{remedy}") from None


def text(entry: Path) -> str:
    """What an entry of text says."""
    return entry.read_bytes()[:-_DIGEST].decode()


def _trusted(info: os.stat_result) -> bool:
    return info.st_uid in (0, os.getuid()) and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _read(entry: Path) -> bytes | None:
    """The content of an entry that is whole and that nobody else could have written."""
    try:
        with open(entry, "rb", opener=lambda path, flags: os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK)) as file:
            info = os.fstat(file.fileno())
            if not stat.S_ISREG(info.st_mode) or not _trusted(info):
                return None
            content = file.read()
    except OSError:
        return None
    return content if hashlib.sha256(content[:-_DIGEST]).digest() == content[-_DIGEST:] else None


def _built(build: Callable[[Path], Any]) -> bytes:
    with _room(), tempfile.TemporaryDirectory(dir=process_folder.path(), ignore_cleanup_errors=True) as workshop:
        draft = Path(workshop) / "draft"
        build(draft)
        content = draft.read_bytes()
    return content + hashlib.sha256(content).digest()


@contextmanager
def _room() -> Iterator[None]:
    """Says what to do where the temporary folder, the last resort, cannot be written."""
    try:
        yield
    except OSError as error:
        raise KernelCompileError(
            f"there is nowhere to compile ({shown(error)}); set TMPDIR to a folder that can be written and has room"
        ) from None


def _put_in_process_folder(name: str, content: bytes) -> Path:
    with _room():
        return _put(process_folder.path() / name, content)


def _put(entry: Path, content: bytes) -> Path:
    """Writes an entry such that other processes see the whole of it or nothing; removes what killed ones left."""
    for left in entry.parent.glob(f"{process_folder.PREFIX}*"):
        with suppress(OSError):  # it is gone, or a folder
            if time.time() - left.lstat().st_mtime > STALE:
                left.unlink()
    descriptor, draft = tempfile.mkstemp(dir=entry.parent, prefix=process_folder.PREFIX)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(draft, 0o700)
        os.replace(draft, entry)
    finally:
        with suppress(OSError):
            os.unlink(draft)
    return entry


@contextmanager
def _turn(entry: Path) -> Iterator[None]:
    """Waits for the others that build the same entry, for a time. A process that is killed holds nothing up."""
    lock = entry.with_name(f"{process_folder.PREFIX}{entry.name}.lock")
    descriptor = None
    with suppress(OSError):  # where nothing can be written, or files cannot be locked
        descriptor = _lock(lock)
    try:
        yield
    finally:
        if descriptor is not None:
            with suppress(OSError):
                lock.unlink()
            fcntl.flock(descriptor, fcntl.LOCK_UN)  # a child that was forked meanwhile holds the descriptor too
            os.close(descriptor)


def _lock(path: Path) -> int | None:
    """The descriptor of the file, locked; None if others hold it for too long."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        descriptor = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(descriptor), path.lstat()):  # else who had it has removed it
                return descriptor
        except (BlockingIOError, FileNotFoundError):
            time.sleep(0.02)
        except OSError:
            os.close(descriptor)
            raise
        os.close(descriptor)
    return None
