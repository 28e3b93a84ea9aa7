"""A threshold that was set at the station judges the next parts, also after a restart."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edge_agent.cli.run import models_of
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.wire.decision import Decision
from edge_agent.decide.station_threshold import StationThresholds, ThresholdSetting
from edge_agent.station.build import trusted_bundle
from edge_agent.station.check_channel import check_channel
from edge_agent.station.config import read_config
from edge_agent.station.station import Station
from tests.station_kit import IMAGE_SPEC, write_frames, write_image_bundle, write_station


@pytest.fixture
def line(tmp_path: Path) -> Path:
    """A station.toml of four frames, one of them dark."""
    write_image_bundle(tmp_path / "brightness.bundle")
    write_frames(tmp_path / "frames", 4)
    return write_station(tmp_path, 'driver = "folder"\npath = "frames"')


def run(path: Path) -> tuple[Station, list[Decision]]:
    seen: list[Decision] = []
    station = Station(
        read_config(path),
        clock=SystemClock(),
        output=seen.append,
        keep_trying=False,
        remember=False,
    )
    station.run(threading.Event())
    return station, seen


def setting(threshold: float, bundle: str) -> ThresholdSetting:
    own = IMAGE_SPEC.scoring.threshold
    return ThresholdSetting(
        channel="top", bundle=bundle, own=own, threshold=threshold, by="ann", at_ns=1
    )


def test_a_setting_judges_and_the_verdict_names_it(line: Path) -> None:
    station, seen = run(line)
    assert sorted(one.verdict for one in seen) == ["FAIL", "PASS", "PASS", "PASS"]
    ((channel, loaded),) = station.jobs.change_over.bundles
    thresholds = StationThresholds(line.parent / "state")
    thresholds.add(setting(0.99, "brightness 0.9.0"))
    _, same = run(line)
    assert sorted(one.verdict for one in same) == ["FAIL", "PASS", "PASS", "PASS"], same
    lowest = min(one.channels[0].score or 0 for one in seen)
    thresholds.add(setting(lowest / 2, loaded.title))
    station, strict = run(line)
    assert {one.verdict for one in strict} == {"FAIL"}
    assert {one.channels[0].threshold for one in strict} == {lowest / 2}
    (model,) = models_of(station)
    assert (model.channel, model.own.threshold, model.can_move) == (channel, 0.5, True)


def test_a_damaged_file_keeps_the_station_disarmed(line: Path) -> None:
    (line.parent / "state").mkdir()
    (line.parent / "state" / "thresholds.json").write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        run(line)


@pytest.mark.parametrize(
    ("threshold", "told"),
    [
        (0.4, ("OK", "0.4, set at the station by ann; the bundle's own is 0.5")),
        (0.6, ("WARN", "0.6, set at the station by ann; the bundle's own is 0.5")),
    ],
)
def test_check_names_the_threshold_and_who_set_it(
    line: Path, threshold: float, told: tuple[str, str]
) -> None:
    config = read_config(line)
    title = trusted_bundle(line.parent / "brightness.bundle", config.trust).title
    StationThresholds(config.station.state_dir).add(setting(threshold, title))
    found = list(check_channel(config.channel[0], config, SystemClock(), items=2))
    assert [(r.grade, r.detail) for r in found if r.what == "channel top: threshold"] == [told]
    # A channel without a setting has no such row, so that every other row stays what it was.
    StationThresholds(config.station.state_dir).drop_last("top", title, 0.5)
    rest = check_channel(config.channel[0], config, SystemClock(), items=2)
    assert "channel top: threshold" not in {one.what for one in rest}
