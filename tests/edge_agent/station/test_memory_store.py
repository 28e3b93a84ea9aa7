"""Alarms and frozen frames survive a push, a restart and a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edge_agent.decide.memory import ChannelMemory
from edge_agent.health.frame import FrameHealth, FrameHealthTable
from edge_agent.station.memory_store import MemoryStore
from tests.station_kit import wait_until, write_vibration_bundle

STATION = """\
[station]
id = "test"
[trust]
allow_unsigned = true
[line]
deadline_ms = 2000
[[channel]]
name = "motor"
kind = "vibration"
bundle = "loudness.bundle"
persistence = { k = 3, n = 5 }
[channel.source]
driver = "replay"
format = "csv"
path = "runs"
axes = ["x"]
sample_rate_hz = 1000
"""


def in_alarm(*over: bool) -> ChannelMemory:
    memory = ChannelMemory()
    for one in over:
        memory.alarms.add(one)
    return memory


def saved(folder: Path) -> dict[str, object]:
    path = folder / "motor.json"
    found: dict[str, object] = json.loads(path.read_text()) if path.exists() else {}
    return found


def test_alarm_is_on_disk_at_once_and_loaded_again(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path, every_s=3600)
    store.start()
    store.note("motor", in_alarm(True, True, False))
    assert wait_until(lambda: saved(tmp_path).get("alarms") == {"": "6"})
    assert MemoryStore(tmp_path).load("motor").alarms.dump() == {"": "6"}
    store.stop()


def test_new_frames_alone_are_saved_only_now_and_then(tmp_path: Path) -> None:
    store = MemoryStore(tmp_path, every_s=3600)
    memory = ChannelMemory()
    camera = FrameHealth(FrameHealthTable(), memory.frames)
    rng = np.random.default_rng(0)
    camera.fault(rng.integers(0, 255, (64, 64, 3), np.uint8))
    store.note("motor", memory)
    store.start()
    assert wait_until(lambda: saved(tmp_path).get("equal_frames") == 1)
    first = saved(tmp_path)
    camera.fault(rng.integers(0, 255, (64, 64, 3), np.uint8))
    store.note("motor", memory)
    assert saved(tmp_path) == first
    store.stop()
    assert saved(tmp_path) != first, "the end saves everything"


def test_damaged_memory_is_named_and_begins_anew(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "motor.json").write_text('{"alarms": {"": "xyz"}}')
    assert MemoryStore(tmp_path).load("motor").alarms.dump() == {}
    assert "channel motor: its alarms begin anew" in caplog.text


def test_folder_that_cannot_be_written_is_a_fault_that_ends(tmp_path: Path) -> None:
    (tmp_path / "channels").write_text("a file in the way")
    store = MemoryStore(tmp_path / "channels", every_s=0.02)
    store.start()
    store.note("motor", in_alarm(True))
    assert wait_until(lambda: store.fault)
    (tmp_path / "channels").unlink()
    assert wait_until(lambda: not store.fault)
    assert saved(tmp_path / "channels")["alarms"] == {"": "1"}
    store.stop()


def test_nothing_is_kept_for_a_replay(tmp_path: Path) -> None:
    store = MemoryStore(None)
    store.start()
    store.note("motor", in_alarm(True))
    store.stop()
    assert list(tmp_path.iterdir()) == []


def test_machine_in_alarm_is_in_alarm_after_kill_9(tmp_path: Path) -> None:
    write_vibration_bundle(tmp_path / "loudness.bundle")
    (tmp_path / "runs").mkdir()
    rng = np.random.default_rng(0)
    for k in range(30):
        loud = rng.normal(0, 5, 128)
        np.savetxt(tmp_path / "runs" / f"r{k:02d}.csv", loud, header="x", comments="")
    (tmp_path / "station.toml").write_text(STATION + "paced = true\n")
    words = [sys.executable, "-m", "edge_agent", "run", "station.toml", "--verbose"]
    with subprocess.Popen(
        words, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as agent:
        assert agent.stdout is not None
        before = [agent.stdout.readline() for _ in range(4)]
        channels = tmp_path / "state" / "channels"
        assert wait_until(
            lambda: (
                "7" in str(saved(channels).get("alarms"))
                or "f" in str(saved(channels).get("alarms"))
            )
        )
        agent.send_signal(signal.SIGKILL)
    assert ["FAIL" in line for line in before] == [False, False, True, True]
    (tmp_path / "station.toml").write_text(STATION)
    again = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.stdout.count("FAIL") == 30, again.stdout[:500]
