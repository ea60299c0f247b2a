"""How a process that handles pictures asks the system for memory."""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # of glibc, mallopt(3)
KEPT = 64 * 2**20  # bytes at the end of the heap
LARGEST = 32 * 2**20  # bytes of one piece, the most that glibc takes


def keep_freed_memory() -> None:
    """Let glibc keep what is freed for what is needed next. Pictures of a megabyte come and go with
    every frame; it would give them back to the system, and to get fresh pages for each takes longer
    than to put a face before its background. For a process that lives on pictures; elsewhere than
    on Linux, nothing."""
    if sys.platform == "linux":
        with suppress(AttributeError, OSError):  # musl has no such settings
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(M_TRIM_THRESHOLD, KEPT)
            mallopt(M_MMAP_THRESHOLD, LARGEST)
