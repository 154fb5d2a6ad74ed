"""Freed memory that is used again."""

import ctypes

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # of malloc.h


def reuse_freed_memory() -> bool:
    """Makes malloc keep what is freed, instead of giving it back to the operating system; says whether it could.

    On Linux each large tensor otherwise costs new pages, cleared one by one, which takes a CPU longer than a recurrence
    over them. Acts on the whole process, for good: it then keeps as much memory as it once needed. Call it at the start
    of a training script; on a GPU it makes no difference.
    """
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):  # another C library
        return False
    return bool(mallopt(M_MMAP_MAX, 0)) and bool(mallopt(M_TRIM_THRESHOLD, -1))
