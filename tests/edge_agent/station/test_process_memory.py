"""Free memory goes back to the system although something behind it stays."""

from __future__ import annotations

import ctypes
import gc
import subprocess
import sys

import pytest

from edge_agent.station.process_memory import starting

FROZEN = """
import gc
from edge_agent.station.process_memory import settle
mine = [[] for _ in range(1000)]
settle()
print(gc.get_freeze_count() > 1000, len(gc.get_objects()) < 1000, gc.isenabled())
"""


BURST = """
import ctypes, gc
import numpy as np
from edge_agent.health.board.memory import rss_mb
from edge_agent.station.process_memory import give_back
malloc = ctypes.CDLL(None).malloc
malloc.restype = ctypes.c_void_p
pictures = [np.ones(100_000, np.uint8) for _ in range(600)]
assert all(malloc(90_000) for _ in range(20))  # some stay behind them, others fill holes
del pictures
gc.collect()
before = rss_mb()
assert give_back()
print(before - rss_mb())
"""
"""In a process of its own: in one that ran many tests the pictures fill holes among other memory,
and what stays may lie in one of them too; then the end of the heap goes back by itself."""


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="not glibc")
def test_a_burst_of_pictures_does_not_stay_resident() -> None:
    words = subprocess.run([sys.executable, "-c", BURST], capture_output=True, check=True).stdout
    assert float(words) > 40


@pytest.mark.parametrize("before", [True, False])
def test_while_the_agent_starts_nothing_is_collected(before: bool) -> None:
    was = gc.isenabled()
    try:
        (gc.enable if before else gc.disable)()
        with starting():
            during = gc.isenabled()
        assert (during, gc.isenabled()) == (False, before)
    finally:
        (gc.enable if was else gc.disable)()


def test_the_collector_leaves_out_what_was_there_at_the_start() -> None:
    words = subprocess.run([sys.executable, "-c", FROZEN], capture_output=True, check=True).stdout
    assert words.decode().split() == ["True", "True", "True"]
