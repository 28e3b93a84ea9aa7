"""What a station says of the runtime that judges."""

from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.infer.bundle_inspector import load_inspector
from edge_agent.infer.timed import Timed
from edge_agent.station.runtime_in_use import runtime_in_use
from tests import station_kit


def test_the_one_at_work_its_time_and_why_another_is_not_taken(tmp_path: Path) -> None:
    bundle = read_bundle(station_kit.write_image_bundle(tmp_path / "a.bundle"))
    network = load_inspector(bundle, runtime="litert")
    assert runtime_in_use(network).measured == []
    network.measured = (
        Timed(name="litert", ms=1.23456, ratio=1),
        Timed(name="openvino", refused="too far apart\n"),
    )
    found = runtime_in_use(network)
    assert (found.name, found.version) == ("litert", network.runtime.version)
    first, second = found.measured
    assert (first.name, first.ms, first.ratio, first.refused) == ("litert", 1.23, 1.0, "")
    assert (second.ms, second.ratio, second.refused) == (None, None, "too far apart\\n")
    network.close()
