"""The witness of a computer that stands still: it is stopped itself, as by a host."""

from __future__ import annotations

import signal
import time

import psutil

from benchmarks.stalls import AFTER_S, Stalls, watch_for_stalls


def test_a_witness_that_stood_still_tells_for_how_long() -> None:
    with watch_for_stalls() as stalls:
        time.sleep(0.5)  # the witnesses have begun
        begin_s = time.monotonic()
        witnesses = psutil.Process().children()
        for witness in witnesses:
            witness.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        for witness in witnesses:
            witness.send_signal(signal.SIGCONT)
        time.sleep(0.1)
    assert stalls.longest_ms > 250
    assert stalls.explains(begin_s + 0.35)
    assert not stalls.explains(begin_s - 1)


def test_only_what_comes_shortly_after_a_stall_is_explained_by_it() -> None:
    stalls = Stalls([(10.0, 0.05)])
    assert stalls.longest_ms == 50
    assert stalls.explains(10.5)
    assert not stalls.explains(9.9)
    assert not stalls.explains(10.0 + AFTER_S + 0.01)
    assert Stalls().longest_ms == 0
