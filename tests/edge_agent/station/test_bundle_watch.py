"""A newly installed bundle of process data must take the tags that the source was built for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.station.build import arm_channel
from edge_agent.station.bundle_watch import BundleWatcher
from edge_agent.station.config import read_config
from tests.station_kit import DRIFT_SPEC, POWER_SPEC, write_process_bundle

STATION = """\
[station]
id = "test"
[trust]
allow_unsigned = true
[[channel]]
name = "mill"
kind = "tabular"
bundle = "power"
[channel.source]
driver = "rows"
path = "shift.csv"
"""


@contextlib.contextmanager
def watching(folder: Path) -> Iterator[BundleWatcher]:
    """The channel of STATION in `folder`, armed, and what watches its slots."""
    (folder / "station.toml").write_text(STATION)
    config = read_config(folder / "station.toml")
    armed = arm_channel(config.channel[0], config, SystemClock())
    watcher = BundleWatcher(config, SystemClock())
    watcher.start([armed])
    try:
        yield watcher
    finally:
        watcher.stop()
        armed.bundle.close()


def test_a_bundle_of_other_tags_is_refused_while_the_line_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.station.bundle_watch.LOOK_S", 0.02)
    slot = tmp_path / "power"
    for name, spec in (("a", POWER_SPEC), ("b", DRIFT_SPEC), ("c", POWER_SPEC)):
        write_process_bundle(slot / "slots" / name / "power.bundle", spec)
    current = slot / "current"
    current.symlink_to("slots/a")
    with watching(tmp_path) as watcher:
        _point(current, "slots/b")
        assert _soon(lambda: "takes another input than power 1.0.0" in _refused(watcher))
        assert watcher.take("mill") is None
        _point(current, "slots/c")
        assert _soon(lambda: not watcher.refused)
        fresh = watcher.take("mill")
        assert fresh is not None
        fresh.close()


def test_a_bundle_that_could_not_be_read_for_a_while_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge_agent.station.bundle_watch.LOOK_S", 0.02)
    monkeypatch.setattr("edge_agent.station.bundle_watch.RETRY_S", (0.1, 0.2))
    slot = tmp_path / "power"
    whole = [write_process_bundle(slot / "slots" / name / "power.bundle") for name in ("a", "b")]
    payload = whole[1].read_bytes()
    whole[1].write_bytes(payload[:500])
    current = slot / "current"
    current.symlink_to("slots/a")
    with watching(tmp_path) as watcher:
        _point(current, "slots/b")
        assert _soon(lambda: "the new bundle is refused" in _refused(watcher))
        whole[1].write_bytes(payload)
        assert _soon(lambda: not watcher.refused)
        fresh = watcher.take("mill")
        assert fresh is not None
        assert fresh.file == whole[1]
        fresh.close()
        time.sleep(0.3)
        assert watcher.take("mill") is None, "what is taken up is not loaded again"


def _refused(watcher: BundleWatcher) -> str:
    return watcher.refused.get("mill", "")


def _point(link: Path, target: str) -> None:
    fresh = link.with_name("next")
    fresh.symlink_to(target)
    fresh.replace(link)


def _soon(true: Callable[[], bool]) -> bool:
    until = time.monotonic() + 5
    while time.monotonic() < until:
        if true():
            return True
        time.sleep(0.02)
    return False
