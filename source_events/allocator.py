"""What the memory that pages take is taken from: glibc's allocator. Other systems have another, and are left alone."""

from __future__ import annotations

import ctypes
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD, M_ARENA_MAX = -1, -3, -8
MOST_MEMORY = 1 << 30


def share_one_arena() -> None:
    """Let all threads take from one arena: of one of its own each would keep what its largest pages took."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def keep_large_blocks() -> None:
    """Do not give the memory of each page back to the system, which clears it before it comes again."""
    with suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, MOST_MEMORY)
        mallopt(M_TRIM_THRESHOLD, MOST_MEMORY)


def give_back() -> None:
    """Give back to the system what is free, of which the thread that took it would keep most."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
