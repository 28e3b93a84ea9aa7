"""The station of the handbook at the simulated belt: a lost link lets no bad part through."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.simulator.belt import BeltPlan
from edge_agent.simulator.belt_server import BeltServer
from edge_agent.station.config import read_config
from edge_agent.station.station import Station
from tests.station_kit import wait_until, write_image_bundle

BELT = Path(__file__).parents[2] / "docs" / "belt.toml"
PLAN = BeltPlan(rate_hz=8, look="plain", size_px=(64, 48))


@contextmanager
def moving(port: int = 0) -> Iterator[BeltServer]:
    """A belt that moves until the end of the block."""
    belt, stop = BeltServer(PLAN, port=port), threading.Event()
    belt.open()
    thread = threading.Thread(target=belt.run, args=[stop])
    thread.start()
    try:
        yield belt
    finally:
        stop.set()
        thread.join(10)
        belt.close()


@contextmanager
def station_at(folder: Path, port: int) -> Iterator[tuple[Station, list[Decision]]]:
    """The station of docs/belt.toml at that belt."""
    bundle = write_image_bundle(folder / "parts.bundle")
    text = BELT.read_text().replace('driver = "belt"', f'driver = "belt"\nport = {port}')
    path = folder / "station.toml"
    path.write_text(text.replace("parts.bundle", str(bundle)))
    decisions: list[Decision] = []
    station = Station(read_config(path), clock=SystemClock(), output=decisions.append)
    stop = threading.Event()
    thread = threading.Thread(target=station.run, args=[stop])
    thread.start()
    try:
        yield station, decisions
    finally:
        stop.set()
        thread.join(30)


def test_belt_that_is_gone_disarms_the_station_until_it_is_there_again(tmp_path: Path) -> None:
    with moving() as belt:
        port = belt.port
        with station_at(tmp_path, port) as (station, decisions):
            assert wait_until(lambda: belt.tally.good_accepted >= 3)
            first = belt.tally
            belt.close()
            assert wait_until(lambda: station.state == "disarmed")
            assert "belt" in station.reason
            with moving(port) as again:
                assert wait_until(lambda: again.tally.good_accepted >= 3)
                assert wait_until(lambda: station.state == "armed")
            assert first.bad_accepted + again.tally.bad_accepted == 0
    assert {Verdict.PASS, Verdict.FAIL} <= {decision.verdict for decision in decisions}
