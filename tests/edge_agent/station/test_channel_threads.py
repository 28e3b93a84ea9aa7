"""An inspection that hangs costs its part alone; a few of them stop the station safely."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import Clock, SystemClock
from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.core.types import Item, Judgement, Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.decide.channel_judge import ChannelJudge
from edge_agent.decide.inspector import Inspector
from edge_agent.decide.memory import ChannelMemory
from edge_agent.infer.runtime_choice import cpu_runtime
from edge_agent.station.build import ArmedChannel, LoadedBundle, arm_channel
from edge_agent.station.channel_threads import LOOKS, MOST_RESTARTS, ChannelThreads
from edge_agent.station.config import Channel, StationConfig, read_config
from edge_agent.station.station import Station
from edge_agent.station.timing import Timing
from tests.station_kit import wait_until, write_station

CLOCK = SystemClock()
HUNG_S = 0.2
DEADLINE_MS = 150
SLOW_LINE = 'driver = "folder"\npath = "frames"\nrate_hz = 10'
HANGS_AT = 3


class HangsOnce:
    """An accelerator that does not answer at one item, until the test ends."""

    needs_every_item = False

    def __init__(self, network: Inspector, answers: threading.Event) -> None:
        self._network = network
        self._answers = answers
        self._items = 0

    def inspect(self, item: Item) -> Judgement:
        self._items += 1
        if self._items > HANGS_AT:
            self._answers.wait(60)
        return self._network.inspect(item)


@pytest.fixture
def answers() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_the_cpu_model_goes_on_where_an_inspection_hangs(
    bench: Path, answers: threading.Event
) -> None:
    decisions: list[Decision] = []
    times: list[float] = []

    def note(decision: Decision) -> None:
        decisions.append(decision)
        times.append(time.monotonic())

    def arm(
        channel: Channel, config: StationConfig, clock: Clock, memory: ChannelMemory
    ) -> ArmedChannel:
        armed = arm_channel(channel, config, clock, memory)
        inspector = armed.bundle.judge._inspector
        judge = ChannelJudge(
            HangsOnce(inspector, answers),
            channel=channel.name,
            bundle=armed.bundle.title,
            deadline_ms=DEADLINE_MS,
            clock=clock,
        )
        armed.bundle = dataclasses.replace(armed.bundle, judge=judge)
        return armed

    path = write_station(bench, SLOW_LINE, line=f"deadline_ms = {DEADLINE_MS}")
    station = Station(
        read_config(path),
        clock=SystemClock(),
        output=note,
        arm=arm,
        timing=Timing(hung_s=HUNG_S, quiet_s=0.1, join_s=1),
    )
    station.run(threading.Event())
    assert [d.part_id for d in decisions] == [f"part{k:04d}.png" for k in range(12)]
    lost = [d for d in decisions if d.verdict == Verdict.NO_VERDICT]
    assert {d.action for d in lost} == {"reject"}
    assert decisions[HANGS_AT] in lost
    again = next(k for k in range(HANGS_AT, 12) if decisions[k].verdict != Verdict.NO_VERDICT)
    assert times[again] - times[HANGS_AT - 1] < 2
    assert decisions[again].verdict == (Verdict.FAIL if again % 4 == 3 else Verdict.PASS)


class Thread:
    """A thread of a channel that hangs as soon as it starts."""

    alive, ended, beat_ns = True, False, 0

    def __init__(self, channel: ArmedChannel) -> None:
        self.channel = channel
        self.started = self.abandoned = False
        self.inspecting_since_ns = CLOCK.mono_ns() - 9 * 10**9

    def start(self) -> None:
        self.started = True

    def abandon(self) -> bool:
        self.abandoned = True
        return True


def threads(load: object, made: list[Thread]) -> ChannelThreads:
    def make(channel: ArmedChannel) -> Thread:
        made.append(Thread(channel))
        return made[-1]

    return ChannelThreads(make, load, clock=CLOCK)  # type: ignore[arg-type]


def look(watched: ChannelThreads) -> None:
    for _ in range(LOOKS):
        watched.replace_hung()


def channel() -> ArmedChannel:
    return ArmedChannel("top", None, None, ChannelMemory())  # type: ignore[arg-type]


def test_after_a_few_restarts_the_station_is_told_to_stop() -> None:
    made: list[Thread] = []
    bundles = [LoadedBundle(Path(), f"b {k}", None, None) for k in range(9)]  # type: ignore[arg-type]
    left = iter(bundles)
    watched = threads(lambda _: next(left), made)
    watched.start([channel()])
    for k in range(MOST_RESTARTS):
        look(watched)
        assert (watched.faults, len(watched.warnings)) == ([], 1)
        assert made[k].abandoned
        assert made[k + 1].started
        assert made[k + 1].channel.bundle is bundles[k]
    look(watched)
    (fault,) = watched.faults
    assert "top: an inspection hangs again, after 3 restarts" in fault
    assert watched.warnings == []
    look(watched)
    assert len(made) == MOST_RESTARTS + 1


def test_a_machine_that_was_asleep_hangs_nowhere() -> None:
    made: list[Thread] = []
    watched = threads(None, made)
    watched.start([channel()])
    for _ in range(3 * LOOKS):
        watched.replace_hung()
        made[0].inspecting_since_ns = CLOCK.mono_ns() - 9 * 10**9
    assert (len(made), watched.faults, watched.warnings) == (1, [], [])


def test_a_cpu_model_that_cannot_be_loaded_stops_the_station() -> None:
    def refuse(_: ArmedChannel) -> LoadedBundle:
        raise BundleError("is damaged", where="b", cure="push it again")

    watched = threads(refuse, [])
    watched.start([channel()])
    look(watched)
    assert "the CPU model fails: b: is damaged" in watched.faults[0]


def test_a_station_that_hangs_again_and_again_is_disarmed(
    bench: Path, answers: threading.Event
) -> None:
    path = write_station(bench, SLOW_LINE + '\nat_end = "repeat"', line="deadline_ms = 50")
    station = Station(
        read_config(path), clock=SystemClock(), timing=Timing(hung_s=0.05, join_s=0.1)
    )
    stop = threading.Event()
    runner = threading.Thread(target=station.run, args=[stop])
    runner.start()
    try:
        assert wait_until(lambda: station.state == "armed")
        for _ in range(MOST_RESTARTS + 1):
            judge = station._channels[0].bundle.judge
            hung = judge._inspector = HangsOnce(judge._inspector, answers)
            hung._items = HANGS_AT
            assert wait_until(
                lambda j=judge: (
                    station._channels[0].bundle.judge is not j or "hangs again" in station.reason
                )
            )
        assert wait_until(lambda: "hangs again" in station.reason)
        assert station.state == "disarmed"
    finally:
        answers.set()
        stop.set()
        runner.join(20)


def test_the_runtime_of_the_cpu_is_no_accelerator() -> None:
    assert cpu_runtime() in ("litert", "tflite-runtime")
