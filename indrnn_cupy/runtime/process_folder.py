"""A temporary folder of this process, in which it works; those of processes that were killed are removed.

A process holds a lock on a file in its folder for as long as it lives: a folder whose lock is free is nobody's. Unlike
process numbers this holds between containers that share a folder.
"""

import atexit
import fcntl
import os
import shutil
import stat
import tempfile
import time
from pathlib import Path

from .errors import KernelError

PREFIX = "indrnn_cupy-"
YOUNG = 60.0  # seconds within which a folder without a lock may be one that is being made


_place: Path | None = None


def path() -> Path:
    """The folder, made when it is first needed, and again if somebody removed it; removed when the process ends."""
    global _place
    if _place is None or not _place.is_dir():
        _place = _made()
    return _place


def _made() -> Path:
    try:
        _remove_leftovers()
        place, owner = Path(tempfile.mkdtemp(prefix=PREFIX)), os.getpid()
        while _lock(place) is None:  # another process took it for a leftover
            place = Path(tempfile.mkdtemp(prefix=PREFIX))
    except OSError as error:
        raise KernelError(f"no temporary folder can be made ({error}); set TMPDIR to a folder that has room") from None

    def remove() -> None:
        if os.getpid() == owner:  # a forked child must not take away what its parent uses
            shutil.rmtree(place, ignore_errors=True)

    atexit.register(remove)
    return place


def _lock(place: Path) -> int | None:
    """Locks a folder; None if another process has it."""
    descriptor = os.open(place / ".lock", os.O_CREAT | os.O_RDWR | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


def _remove_leftovers() -> None:
    for place in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            info = place.lstat()
            if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid():
                continue
            if not (place / ".lock").exists() and time.time() - info.st_mtime < YOUNG:
                continue
            if (descriptor := _lock(place)) is not None:
                shutil.rmtree(place, ignore_errors=True)
                os.close(descriptor)
        except OSError:  # another process removes it too
            continue
