"""The memory of this process: what start-up left is not searched again, what is free is given back.

A picture is taken from the C library's heap and given back to it within a part of a second, beside
small things that stay. The library gives free memory back to the system only from the heap's end,
so that after a burst of pictures tens of megabytes would stay resident. To take each picture from
the system instead (M_MMAP_THRESHOLD) costs a page fault for every 4 KiB, 3 ms a frame of 1280x960.
"""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def starting() -> Iterator[None]:
    """Inside nothing is searched: what start-up makes stays, and to look for garbage among it takes
    a tenth of the time to the first verdict.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def settle() -> None:
    """After start-up: what is there stays, and the collector, which stops all threads, skips it."""
    gc.collect()
    gc.freeze()
    give_back()


def give_back() -> bool:
    """Give free memory of the heap back to the system; False where the C library cannot."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim is not None and bool(trim(0))
