"""Recorded vibration as a sensor."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.capture.vibration.replay import ReplaySensor, ReplayTable
from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Reading, Unreadable
from tests.station_kit import VIBRATION_SPEC, take_all


def sensor(path: Path, clock: ManualClock | None = None, **keys: object) -> ReplaySensor:
    asked = {"driver": "replay", "path": path, "axes": ["x"], "sample_rate_hz": 1000, **keys}
    return ReplaySensor(
        ReplayTable.model_validate(asked), name="motor", clock=clock or ManualClock()
    )


def write_csv(path: Path, samples: int) -> Path:
    path.write_text("x,y\n" + "".join(f"{k},0\n" for k in range(samples)))
    return path


def test_whole_recordings_come_in_name_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv"):
        write_csv(tmp_path / name, 128)
    source = sensor(tmp_path)
    source.open()
    items = take_all(source.next, 10.0)
    assert [item.part_id for item in items] == ["a.csv", "b.csv"]
    assert isinstance(items[0], Reading)
    assert items[0].signal.shape == (128, 1)
    assert items[0].rate_hz == 1000


def test_recording_is_cut_into_whole_parts(tmp_path: Path) -> None:
    source = sensor(write_csv(tmp_path / "run.csv", 250), window_s=0.1)
    source.open()
    items = take_all(source.next, 10.0)
    assert [item.part_id for item in items] == ["run.csv#0", "run.csv#1"]
    assert isinstance(items[1], Reading)
    np.testing.assert_array_equal(items[1].signal[:, 0], np.arange(100, 200))


def test_the_first_recording_is_read_when_the_source_is_opened(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "run.csv", 250)
    source = sensor(path, window_s=0.1)
    source.open()
    path.unlink()
    assert [item.part_id for item in take_all(source.next, 10.0)] == ["run.csv#0", "run.csv#1"]


def test_paced_replay_takes_the_time_of_the_recording(tmp_path: Path) -> None:
    clock = ManualClock()
    source = sensor(write_csv(tmp_path / "run.csv", 300), clock, window_s=0.1, paced=True)
    source.open()
    times = [item.mono_ns / 1e9 for item in take_all(source.next, 10.0)]
    assert np.diff(times) == pytest.approx([0.1, 0.1], abs=1e-6)


def test_broken_recording_is_an_item_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("x\nnine\n")
    write_csv(tmp_path / "b.csv", 128)
    source = sensor(tmp_path)
    source.open()
    bad, good = take_all(source.next, 10.0)
    assert isinstance(bad, Unreadable)
    assert "a.csv" in bad.reason
    assert "not a table of numbers" in bad.reason
    assert isinstance(good, Reading)
    assert [bad.seq, good.seq] == [0, 1]


def test_folder_without_recordings_is_an_absent_device(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"no recording .*\.csv"):
        sensor(tmp_path).open()


def test_recordings_without_a_whole_part_open_and_end_at_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = sensor(write_csv(tmp_path / "run.csv", 250), window_s=5)
    source.open()
    assert take_all(source.next, 10.0) == []
    source.close()
    source.open()
    assert take_all(source.next, 10.0) == []
    assert "run.csv is shorter than window_s = 5" in caplog.text


def test_recordings_without_a_rate_have_that_of_the_bundle(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", 128)
    np.savez(tmp_path / "b.npz", x=np.arange(128.0), fs=4000.0)
    rates = []
    for kind in ("csv", "npz"):
        asked = {"driver": "replay", "path": tmp_path, "format": kind}
        table = ReplayTable.model_validate(asked)
        fitted = table.fitted_to(VIBRATION_SPEC.input, channel="motor", broker=None)
        source = ReplaySensor(fitted, name="motor", clock=ManualClock())
        source.open()
        rates += [item.rate_hz for item in take_all(source.next, 10.0) if isinstance(item, Reading)]
    assert rates == [1000, 4000]
