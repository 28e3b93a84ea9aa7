"""The screen System: the machine that the page shows."""

from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.web.log_tail import LogTail
from edge_agent.web.system import Machine
from tests.board_trees import NOW_NS, ZONE, plant


def test_the_screen_shows_the_hottest_zone_and_the_disk_of_a_folder_to_come(
    tmp_path: Path,
) -> None:
    zones = {f"{ZONE[:-1]}{k}/temp": text for k, text in enumerate(["41000", "55500", "broken"])}
    thermal = plant(tmp_path, zones) / "sys/class/thermal"
    clock = ManualClock(NOW_NS)
    machine = Machine(tmp_path / "state", clock=clock, log=LogTail(), thermal=thermal)
    view = machine.view()
    assert view.temperature_c == 55.5
    assert 0 < view.disk_free_mb <= view.disk_total_mb
    assert view.utc == "2026-11-18T11:06:40+00:00"


def test_a_machine_without_zones_shows_no_temperature(tmp_path: Path) -> None:
    machine = Machine(tmp_path, clock=ManualClock(NOW_NS), log=LogTail(), thermal=tmp_path)
    assert machine.view().temperature_c is None
