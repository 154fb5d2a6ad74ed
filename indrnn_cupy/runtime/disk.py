"""Compiled code on disk, one file for each program, safe for many processes and private to the user.

An entry holds machine code, so one that somebody else owns or may write is never loaded. Each entry ends with its own
checksum: a damaged or half-written file is built anew.
"""

import atexit
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

_DIGEST = hashlib.sha256().digest_size


def folder() -> Path:
    """Where compiled kernels are kept: INDRNN_CUPY_CACHE_DIR, the user's cache folder, or else one of this process."""
    try:
        if chosen := os.environ.get("INDRNN_CUPY_CACHE_DIR"):
            place = Path(chosen).absolute()
        else:
            place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "indrnn_cupy"
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _ours(place.stat()) and os.access(place, os.W_OK | os.X_OK):
            return place
    except (OSError, RuntimeError):  # a home that is missing or cannot be written
        pass
    return _temporary()


@cache
def _temporary() -> Path:
    place, owner = Path(tempfile.mkdtemp(prefix="indrnn_cupy-")), os.getpid()

    def remove() -> None:
        if os.getpid() == owner:  # a forked child must not take away what its parent uses
            shutil.rmtree(place, ignore_errors=True)

    atexit.register(remove)
    return place


def _ours(info: os.stat_result) -> bool:
    return info.st_uid == os.getuid() and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _sound(entry: Path) -> bool:
    try:
        info = entry.lstat()
        if not stat.S_ISREG(info.st_mode) or not _ours(info):
            return False
        content = entry.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content[:-_DIGEST]).digest() == content[-_DIGEST:]


def get(key: str, suffix: str, build: Callable[[Path], None]) -> Path:
    """The entry `key`; where there is none, `build` writes it to the path that it is given."""
    place = folder()
    if _sound(place / (key + suffix)):
        return place / (key + suffix)
    with tempfile.TemporaryDirectory(prefix="indrnn_cupy-") as workshop:
        draft = Path(workshop) / "draft"
        build(draft)
        content = draft.read_bytes()
    content += hashlib.sha256(content).digest()
    try:
        return _put(place, key + suffix, content)
    except OSError:  # a full disk, or something in the way
        return _put(_temporary(), key + suffix, content)


def _put(place: Path, name: str, content: bytes) -> Path:
    """Writes an entry such that other processes see the whole of it or nothing."""
    descriptor, draft = tempfile.mkstemp(dir=place, suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        os.chmod(draft, 0o700)
        os.replace(draft, place / name)
    finally:
        Path(draft).unlink(missing_ok=True)
    return place / name
