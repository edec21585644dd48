"""The memory of a process that serves: one heap for all threads, and no search for garbage among what stays."""

import contextlib
import ctypes
import gc

M_ARENA_MAX = -8  # malloc.h of glibc
OLD_GENERATION = 1_000  # full collections of a process whose objects live as long as it does are not worth their pauses
YOUNG_GENERATION = 10_000


def share_one_heap() -> None:
    """Let threads allocate from one heap, before the first of them starts.

    By default each thread gets a heap of its own, which keeps what was freed in it: a tenth of a large batch's memory.
    A C library without this option (musl) has no such heaps either.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def settle() -> None:
    """Take what is here now out of the collector's sight: it lives as long as the process."""
    gc.collect()
    gc.freeze()
    young, middle, _ = gc.get_threshold()
    gc.set_threshold(max(young, YOUNG_GENERATION), middle, OLD_GENERATION)
