"""Every item is known from its grab: parts decided are parts grabbed, whatever hangs."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.clock import ManualClock, SystemClock
from edge_agent.contracts.core.types import Frame, Item, Judgement, Verdict
from edge_agent.contracts.wire.decision import Decision, SafeAction
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.infer.bundle_inspector import BundleInspector
from edge_agent.messaging.config import OutboxTable
from edge_agent.messaging.publisher import Publisher
from edge_agent.station.actor import Actor
from edge_agent.station.config import read_config
from edge_agent.station.counts import StationCounts
from edge_agent.station.line_table import LineTable
from edge_agent.station.output_set import OutputSet
from edge_agent.station.part_tracker import PartTracker
from edge_agent.station.station import Station
from edge_agent.station.timing import Timing
from tests.station_kit import wait_until, write_frames, write_station

BUNDLES = {"top": "caps 1.0.0", "side": "caps 2.0.0"}
IMAGE = np.zeros((4, 4, 3), np.uint8)


class Bench:
    """A part tracker on a clock of its own, whose output writes down every decision."""

    def __init__(
        self, tmp_path: Path, table: LineTable | None = None, safe_action: SafeAction = "reject"
    ) -> None:
        self.clock = ManualClock()
        self.decisions: list[Decision] = []
        self.counts = StationCounts()
        table = table or LineTable(deadline_ms=100)
        publisher = Publisher(
            None, OutboxTable(), station="test", state_dir=tmp_path, clock=self.clock
        )
        actor = Actor(
            OutputSet({}, self.decisions.append),
            publisher,
            station="test",
            deadline_ms=table.deadline_ms,
            counts=self.counts,
        )
        self.tracker = PartTracker(
            BUNDLES, table, safe_action, actor=actor, counts=self.counts, clock=self.clock
        )

    def grab(self, seq: int, channel: str = "top", part_id: str = "") -> Frame:
        item = Frame(IMAGE, 1000 + seq, self.clock.mono_ns(), seq, channel, part_id or f"p{seq}")
        self.tracker.watch(channel).grabbed(item)
        return item

    def judge(self, item: Item, verdict: Verdict = Verdict.PASS, channel: str = "top") -> None:
        latency_ms = (self.clock.mono_ns() - item.mono_ns) / 1e6
        self.tracker.judged(
            item,
            ChannelVerdict(
                channel=channel,
                bundle=BUNDLES[channel],
                verdict=verdict,
                label="dark",
                latency_ms=latency_ms,
            ),
        )


@pytest.fixture
def bench_line(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_item_behind_a_network_that_hangs_is_decided_at_its_own_deadline(bench_line: Bench) -> None:
    for seq in range(10):
        bench_line.grab(seq)
        bench_line.clock.advance_s(0.05)
        bench_line.tracker.expire()
    bench_line.clock.advance_s(0.06)
    bench_line.tracker.expire()
    assert [d.part_id for d in bench_line.decisions] == [f"p{seq}" for seq in range(10)]
    assert {d.verdict for d in bench_line.decisions} == {Verdict.NO_VERDICT}
    grabs = [d.channels[0].captured_at_ns for d in bench_line.decisions]
    assert grabs == [1000 + seq for seq in range(10)], "the frames that nobody judged"
    assert max(d.latency_ms for d in bench_line.decisions) <= 150 + 10


def test_dropped_item_is_decided_at_once(bench_line: Bench) -> None:
    item = bench_line.grab(0)
    bench_line.tracker.watch("top").dropped(item)
    (decision,) = bench_line.decisions
    assert decision.reason == "top: unseen: dropped from a full queue"
    bench_line.clock.advance_s(1)
    bench_line.tracker.expire()
    assert len(bench_line.decisions) == 1


def test_a_queue_that_was_full_is_told_as_such_until_a_deadline_is_missed(
    bench_line: Bench,
) -> None:
    bench_line.tracker.watch("top").dropped(bench_line.grab(0))
    words = ["top: its queue is full and parts are not seen, since part p0"]
    assert bench_line.tracker.overdue() == words
    bench_line.grab(1)
    bench_line.clock.advance_s(0.2)
    bench_line.tracker.expire()
    assert bench_line.tracker.overdue() == ["top: not judged within 100 ms, since part p0"]


def test_ten_thousand_drops_are_ten_thousand_decisions(bench_line: Bench) -> None:
    for seq in range(10_000):
        bench_line.tracker.watch("top").dropped(bench_line.grab(seq))
    assert bench_line.counts.parts == bench_line.tracker.begun == 10_000


def test_missed_deadline_is_told_until_the_channel_is_in_time_again(bench_line: Bench) -> None:
    late = bench_line.grab(0)
    bench_line.clock.advance_s(0.2)
    bench_line.tracker.expire()
    words = ["top: not judged within 100 ms, since part p0"]
    assert bench_line.tracker.overdue() == words
    bench_line.judge(late)
    assert bench_line.tracker.overdue() == words, "that verdict was late"
    bench_line.judge(bench_line.grab(1))
    assert bench_line.tracker.overdue() == words, "one good part is not yet a recovery"
    bench_line.clock.advance_s(1.1)
    assert bench_line.tracker.overdue() == []


def test_channel_that_hangs_without_new_items_stays_overdue(bench_line: Bench) -> None:
    bench_line.grab(0)
    bench_line.clock.advance_s(0.2)
    bench_line.tracker.expire()
    bench_line.clock.advance_s(3600)
    assert len(bench_line.tracker.overdue()) == 1


def test_channel_that_saw_no_part_is_not_called_overdue(tmp_path: Path) -> None:
    bench = Bench(tmp_path, LineTable(deadline_ms=100, join="part_id"))
    bench.judge(bench.grab(0))
    bench.clock.advance_s(0.2)
    bench.tracker.expire()
    assert bench.decisions[0].reason.startswith("side: no verdict within the deadline")
    assert bench.tracker.overdue() == []


@pytest.mark.parametrize(
    ("policy", "safe_action", "action"),
    [
        ("report", "pass-through", "accept"),
        ("report", "reject", "reject"),
        ("act", "pass-through", "reject"),
    ],
)
def test_late_fail_is_told_and_acted_on_only_by_policy(
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    policy: str,
    safe_action: SafeAction,
    action: str,
) -> None:
    table = LineTable.model_validate({"deadline_ms": 100, "late_fail": policy})
    bench = Bench(tmp_path, table, safe_action)
    item = bench.grab(0)
    bench.clock.advance_s(0.2)
    bench.tracker.expire()
    bench.judge(item, Verdict.FAIL)
    assert "part p0: late FAIL: top: dark; the part was decided NO-VERDICT" in caplog.text
    assert (bench.counts.parts, bench.counts.late_fails) == (1, 1)
    assert bench.tracker.begun == 1
    acted = [(d.verdict, d.action, d.late_fail) for d in bench.decisions[1:]]
    assert acted == ([("FAIL", action, True)] if policy == "act" else [])


def test_repeats_are_named_in_the_reason(tmp_path: Path) -> None:
    bench = Bench(tmp_path, LineTable(deadline_ms=100, join="part_id"))
    for seq, verdict in enumerate((Verdict.FAIL, Verdict.PASS)):
        bench.judge(bench.grab(seq, part_id="p"), verdict)
    bench.judge(bench.grab(0, "side", "p"), channel="side")
    (decision,) = bench.decisions
    assert decision.verdict == Verdict.FAIL
    assert decision.reason == "top: dark; top: 2 items of this part, the worst counts"
    assert bench.tracker.repeats == 1


def test_control_characters_of_a_part_id_reach_nobody(bench_line: Bench) -> None:
    bench_line.judge(bench_line.grab(0, part_id="p\x1b[2K\n\u202ex"))
    assert bench_line.decisions[0].part_id == "p\\x1b[2K\\n\\u202ex"


def test_long_names_that_begin_alike_are_two_parts(tmp_path: Path) -> None:
    bench = Bench(tmp_path, LineTable(deadline_ms=100, join="part_id"))
    for end in "ab":
        bench.grab(0, part_id=2000 * "x" + end)
    assert bench.tracker.begun == 2
    bench.tracker.flush("the end")
    assert {len(d.part_id) for d in bench.decisions} == {1000}


def test_network_that_hangs_for_ever_costs_no_part_and_disarms(
    bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_frames(bench / "frames", 40)
    free, calls = threading.Event(), []
    judge = BundleInspector.inspect

    def hang(self: BundleInspector, raw: np.ndarray, *prepared: object) -> Judgement:
        calls.append(1)
        if len(calls) == 5:
            free.wait(60)
        return judge(self, raw)

    monkeypatch.setattr(BundleInspector, "inspect", hang)
    decisions: list[Decision] = []
    states: list[str] = []
    station = Station(
        read_config(
            write_station(
                bench,
                'driver = "folder"\npath = "frames"\nrate_hz = 50\nat_end = "wait"',
                line="deadline_ms = 100",
            )
        ),
        clock=SystemClock(),
        output=lambda decision: (decisions.append(decision), states.append(station.state)),
        timing=Timing(join_s=0.2),
    )
    stop = threading.Event()
    thread = threading.Thread(target=station.run, args=[stop])
    thread.start()
    assert wait_until(lambda: len(decisions) == 40)
    assert wait_until(lambda: station.state == "disarmed")
    words = "top: not judged within 100 ms, since part part00"
    assert wait_until(lambda: station.reason.startswith(words))
    stop.set()
    thread.join(20)
    free.set()
    assert sorted(d.part_id for d in decisions) == [f"part{k:04d}.png" for k in range(40)]
    assert station.grabbed == station.counts.parts == 40
