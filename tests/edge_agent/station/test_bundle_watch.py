"""A newly installed bundle of process data must take the tags that the source was built for."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.station.build import arm_channel
from edge_agent.station.bundle_watch import BundleWatcher, WatchedBundle
from edge_agent.station.config import read_config
from tests.station_kit import DRIFT_SPEC, POWER_SPEC, wait_until, write_process_bundle

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
def watching(folder: Path, retry_s: tuple[float, ...] = (0.1, 0.2)) -> Iterator[BundleWatcher]:
    """The channel of STATION in `folder`, armed, and what watches its slots."""
    (folder / "station.toml").write_text(STATION)
    config = read_config(folder / "station.toml")
    armed = arm_channel(config.channel[0], config, SystemClock())
    watcher = BundleWatcher(config, SystemClock(), look_s=0.02, retry_s=retry_s)
    table = config.channel[0]
    watcher.start([WatchedBundle(table.name, table, armed, armed.bundle.file)])
    try:
        yield watcher
    finally:
        watcher.stop()
        armed.bundle.close()


def test_a_bundle_of_other_tags_is_refused_while_the_line_runs(tmp_path: Path) -> None:
    slot = tmp_path / "power"
    for name, spec in (("a", POWER_SPEC), ("b", DRIFT_SPEC), ("c", POWER_SPEC)):
        write_process_bundle(slot / "slots" / name / "power.bundle", spec)
    current = slot / "current"
    current.symlink_to("slots/a")
    with watching(tmp_path) as watcher:
        _point(current, "slots/b")
        assert wait_until(lambda: "takes another input than power 1.0.0" in _refused(watcher))
        assert watcher.take("mill") is None
        _point(current, "slots/c")
        assert wait_until(lambda: not watcher.refused)
        fresh = watcher.take("mill")
        assert fresh is not None
        fresh.close()


def test_a_bundle_that_could_not_be_read_for_a_while_is_tried_again(tmp_path: Path) -> None:
    slot = tmp_path / "power"
    whole = [write_process_bundle(slot / "slots" / name / "power.bundle") for name in ("a", "b")]
    payload = whole[1].read_bytes()
    whole[1].write_bytes(payload[:500])
    current = slot / "current"
    current.symlink_to("slots/a")
    with watching(tmp_path) as watcher:
        _point(current, "slots/b")
        assert wait_until(lambda: "the new bundle is refused" in _refused(watcher))
        whole[1].write_bytes(payload)
        assert wait_until(lambda: not watcher.refused)
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
