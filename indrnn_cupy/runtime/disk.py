"""Compiled code on disk, one file for each program, safe for many processes and private to the user.

An entry holds machine code, so one that somebody else owns or may write is never loaded. Each entry ends with its own
checksum: a damaged or half-written file is built anew.
"""

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

_DIGEST = hashlib.sha256().digest_size


def folder() -> Path:
    """Where compiled kernels are kept: INDRNN_CUPY_CACHE_DIR, else the user's cache folder."""
    if chosen := os.environ.get("INDRNN_CUPY_CACHE_DIR"):
        return Path(chosen).absolute()
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "indrnn_cupy"


@cache
def _temporary() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="indrnn_cupy-")


def _ours(path: Path) -> bool:
    info = path.lstat()
    return info.st_uid == os.getuid() and not info.st_mode & (stat.S_IWGRP | stat.S_IWOTH) and not path.is_symlink()


def _writable() -> Path:
    try:
        place = folder()
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        if _ours(place) and os.access(place, os.W_OK | os.X_OK):
            return place
    except (OSError, RuntimeError):  # a missing or read-only home
        pass
    return Path(_temporary().name)  # for this process only


def _sound(entry: Path) -> bool:
    try:
        if not _ours(entry):
            return False
        content = entry.read_bytes()
    except OSError:
        return False
    return hashlib.sha256(content[:-_DIGEST]).digest() == content[-_DIGEST:]


def get(key: str, suffix: str, build: Callable[[Path], None]) -> Path:
    """The entry `key`; where there is none, `build` writes it to the path that it is given."""
    place = _writable()
    entry = place / (key + suffix)
    if _sound(entry):
        return entry
    descriptor, name = tempfile.mkstemp(dir=place, prefix=key, suffix=".tmp")
    os.close(descriptor)
    draft = Path(name)
    try:
        build(draft)
        content = draft.read_bytes()
        draft.write_bytes(content + hashlib.sha256(content).digest())
        draft.chmod(0o700)
        os.replace(draft, entry)  # other processes see the whole entry or none
    finally:
        draft.unlink(missing_ok=True)
    return entry
