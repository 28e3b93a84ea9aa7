"""Observers see every judged item with its verdict, and delay nobody."""

from __future__ import annotations

import threading
from pathlib import Path

import cv2
import numpy as np

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.types import Frame, Unreadable, Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.observation import Observation
from edge_agent.station.config import read_config
from edge_agent.station.relay import WAITING_ITEMS, Relay
from edge_agent.station.station import Station
from tests.station_kit import write_frames, write_station

FOLDER = 'driver = "folder"\npath = "frames"'


class Watcher:
    """Keeps what it sees; hangs until it is let go."""

    def __init__(self, *, free: bool = True) -> None:
        self.free = threading.Event()
        self.seen: list[Observation] = []
        if free:
            self.free.set()

    def observe(self, observation: Observation) -> None:
        self.free.wait(20)
        self.seen.append(observation)


def test_observer_sees_the_pixels_of_the_file_with_the_verdict_of_the_output(bench: Path) -> None:
    watcher = Watcher()
    (bench / "frames" / "part0001.png").write_bytes(b"")
    decisions: list[Decision] = []
    config = read_config(write_station(bench, FOLDER))
    Station(config, clock=SystemClock(), output=decisions.append, observers=[watcher]).run(
        threading.Event()
    )
    assert [(o.part_id, o.verdict.verdict) for o in watcher.seen] == [
        (d.part_id, d.verdict) for d in decisions
    ]
    for seen in watcher.seen:
        if isinstance(seen.item, Unreadable):
            assert seen.judgement is None
            continue
        assert isinstance(seen.item, Frame)
        assert seen.judgement is not None
        assert seen.judgement.score == seen.verdict.score
        pixels = cv2.imread(str(bench / "frames" / seen.part_id))[:, :, ::-1]
        assert np.array_equal(seen.item.image, pixels)


def test_observer_that_hangs_costs_no_verdict_and_holds_few_frames(bench: Path) -> None:
    slow, quick = Watcher(free=False), Watcher()
    count = 3 * WAITING_ITEMS
    write_frames(bench / "many", count)
    decisions: list[Decision] = []

    def decide(decision: Decision) -> None:
        decisions.append(decision)
        if len(decisions) == count:
            slow.free.set()

    path = write_station(bench, 'driver = "folder"\npath = "many"', line="deadline_ms = 10000")
    station = Station(
        read_config(path), clock=SystemClock(), output=decide, observers=[slow, quick]
    )
    station.run(threading.Event())
    assert [d.verdict for d in decisions].count(Verdict.FAIL) == count // 4
    assert [d.verdict for d in decisions].count(Verdict.PASS) == count - count // 4
    assert len(slow.seen) <= WAITING_ITEMS + 2
    assert len(slow.seen) + len(quick.seen) + station.unobserved == 2 * count


def test_relay_drops_the_oldest_and_counts_it() -> None:
    free = threading.Event()
    taken: list[int] = []

    def take(number: int) -> None:
        free.wait(20)
        taken.append(number)

    relay = Relay(take, "slow", waiting=4)
    for number in range(10):
        relay.put(number)
    assert relay.dropped in (5, 6), "one may be in the taker's hands"
    free.set()
    relay.close()
    assert taken[-3:] == [7, 8, 9]
    assert len(taken) + relay.dropped == 10


def test_relay_goes_on_after_a_taker_that_failed() -> None:
    taken: list[int] = []

    def take(number: int) -> None:
        if number == 1:
            raise ValueError("bad")
        taken.append(number)

    relay = Relay(take, "frail")
    for number in range(3):
        relay.put(number)
    relay.close()
    assert taken == [0, 2]
