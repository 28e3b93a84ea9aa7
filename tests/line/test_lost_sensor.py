"""A sensor that is pulled out while the station runs: nothing passes until it is back."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import numpy as np

from edge_agent.capture.vibration.serial_line import SYNC
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.station.config import read_config
from edge_agent.station.station import Station
from tests.edge_agent.capture.signal_kit import Microcontroller
from tests.station_kit import wait_until

STATION = """
[station]
id = "s"
[line]
deadline_ms = 5000
[[channel]]
name = "motor"
kind = "vibration"
[channel.source]
driver = "serial_line"
device = "{device}"
format = "int16"
scale = 0.0001
axes = ["x"]
rate_hz = 2500
window_s = 0.5
rate_off = 0.5
"""


def sample(number: int) -> bytes:
    """A motor that runs well: 25 Hz, 0.01 g."""
    value = round(100 * np.sin(2 * np.pi * 25 * number / 2500)) + number % 3
    body = bytes([number % 256]) + int(value).to_bytes(2, "little", signed=True)
    return SYNC + body + bytes([sum(body) % 256])


def test_nothing_passes_while_the_sensor_is_away(tmp_path: Path) -> None:
    board = Microcontroller(2500, sample)
    link = tmp_path / "ttySENSOR"
    link.symlink_to(board.path)
    (tmp_path / "station.toml").write_text(STATION.format(device=link))
    passed: list[float] = []

    def act(decision: Decision) -> None:
        if decision.verdict == Verdict.PASS:
            passed.append(time.monotonic())

    station = Station(read_config(tmp_path / "station.toml"), clock=SystemClock(), output=act)
    stop = threading.Event()
    thread = threading.Thread(target=station.run, args=[stop])
    thread.start()
    try:
        assert wait_until(lambda: passed, 20), "nothing passed before the loss"
        board.unplug()
        pulled = time.monotonic()
        assert wait_until(lambda: "motor" in station.reason, 5)
        assert time.monotonic() - pulled < 2, "noticed too late"
        time.sleep(0.5)
        away = time.monotonic()
        board = Microcontroller(2500, sample)
        link.unlink()
        link.symlink_to(board.path)
        plugged = time.monotonic()
        assert wait_until(lambda: passed[-1] > plugged, 15)
        assert time.monotonic() - plugged < 10, "back too late"
        assert not [at for at in passed if pulled + 0.1 < at < away]
    finally:
        stop.set()
        thread.join(20)
        board.unplug()
    assert not thread.is_alive()
