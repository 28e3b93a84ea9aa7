"""A call into native code is bounded only in a process that was made for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from edge_agent.contracts.core.isolation import NATIVE_LIMIT
from edge_agent.infer.native_call import bounded, native_call

HANG = """
import time
from edge_agent.infer.native_call import native_call
with native_call():
    time.sleep({inside})
time.sleep({after})
"""

HANG_BOUNDED = """
import time
from edge_agent.infer.native_call import bounded
bounded(lambda: time.sleep({inside}))()
time.sleep({after})
"""


def test_without_a_limit_the_timer_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NATIVE_LIMIT, raising=False)
    before = signal.getitimer(signal.ITIMER_REAL)[0]
    with native_call():
        assert signal.getitimer(signal.ITIMER_REAL)[0] == pytest.approx(before, abs=5)


def test_without_a_limit_a_call_is_left_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(NATIVE_LIMIT, raising=False)
    call = list[int]
    assert bounded(call) is call


@pytest.mark.parametrize("program", [HANG, HANG_BOUNDED], ids=["block", "call"])
@pytest.mark.parametrize(
    ("inside", "after", "code"), [(60, 0, -signal.SIGALRM), (0, 1.2, 0)], ids=["hangs", "ends"]
)
def test_a_call_that_hangs_ends_its_process(
    inside: float, after: float, code: int, program: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program.format(inside=inside, after=after)],
        env={**os.environ, NATIVE_LIMIT: "1"},
        timeout=60,
        check=False,
    )
    assert done.returncode == code
