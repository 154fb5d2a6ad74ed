"""A temporary folder of this process, in which it works; those of processes that were killed are removed.

A process locks its folder for as long as it lives, so a folder that can be locked is nobody's. Unlike process numbers,
this holds between containers that share a folder.
"""

import atexit
import fcntl
import os
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from .errors import KernelError

PREFIX = ".indrnn_cupy-"  # nothing that a user would call a folder: an unpacked archive is indrnn_cupy-main
YOUNG = 60.0  # seconds within which a folder may not have been locked yet

_ours: list[tuple[Path, int]] = []  # this process's folders, each with the descriptor that keeps it locked
os.register_at_fork(after_in_child=_ours.clear)  # a child makes its own: its parent's goes with the parent


@atexit.register
def _remove_ours() -> None:
    for place, _ in _ours:
        shutil.rmtree(place, ignore_errors=True)


def path() -> Path:
    """The folder, made when there is none and removed when the process ends."""
    for place, descriptor in _ours[-1:]:
        with suppress(FileNotFoundError):  # what clears temporary folders may have removed it
            if os.path.samestat(os.fstat(descriptor), place.lstat()):
                return place
    try:
        place = Path(tempfile.mkdtemp(prefix=PREFIX)).absolute()
        descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise KernelError(
            f"no temporary folder can be made ({error}); set TMPDIR to a folder that can be written and has room"
        ) from None
    with suppress(OSError):  # a file system without locks: nobody can lock it then, nor remove it
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    _ours.append((place, descriptor))
    _remove_leftovers(place.parent)
    return place


def _remove_leftovers(folder: Path) -> None:
    for place in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):  # it is no folder, it is in use, or another process removes it
            descriptor = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                info = os.fstat(descriptor)
                if info.st_uid == os.getuid() and time.time() - info.st_mtime > YOUNG:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(place, ignore_errors=True)
            finally:
                os.close(descriptor)
