"""The state of a station is told once for each change."""

from __future__ import annotations

import logging

import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.wire.kinds.state import RuntimeInUse, StateMessage
from edge_agent.station.state import StationState


def test_each_change_is_published_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    sent: list[StateMessage] = []
    lines: list[str] = []
    clock = ManualClock(utc_ns=77)
    state = StationState("s1", publish=sent.append, status=lines.append, clock=clock)
    assert state.change("armed", "", {"top": "caps 1.0.0"})
    assert not state.change("armed", "", {"top": "caps 1.0.0"})
    assert state.change("disarmed", "camera lost", {})
    runtimes = {"top": RuntimeInUse(name="litert", version="2.3.0")}
    assert state.change("disarmed", "camera lost", {}, runtimes)
    assert not state.change("disarmed", "camera lost", {}, dict(runtimes))
    assert sent.pop().runtimes == runtimes
    assert [(one.state, one.reason, one.at_ns) for one in sent] == [
        ("armed", "", 77),
        ("disarmed", "camera lost", 77),
    ]
    assert lines == ["armed", "disarmed: camera lost", "disarmed: camera lost"]
    assert [record.levelname for record in caplog.records] == ["INFO", "ERROR", "ERROR"]
