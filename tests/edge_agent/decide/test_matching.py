"""Events and items are matched by time: whatever is lost, repeated or late, nothing passes wrongly.

The truth comes from a line that is made up here: each part has an edge and a picture of itself, and
a picture shows the part that lay under the camera when it was taken.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.decide.matching import CODES, Matcher, MatchRule, Window
from edge_agent.decide.open_parts import ClosedPart, Grab
from edge_agent.decide.triggered_parts import TriggeredParts

MS = 1_000_000
WINDOW = Window(10 * MS, 30 * MS)
RULE = MatchRule({"top": WINDOW}, deadline_ns=200 * MS, debounce_ns=5 * MS, report_ns=4 * MS)


def of(verdict: Verdict) -> ChannelVerdict:
    return ChannelVerdict(channel="top", bundle="caps 1.0.0", verdict=verdict)


def grab(taken_ms: float, arrived_ms: float, seq: int = 0) -> Grab:
    return Grab("top", str(seq), round(arrived_ms * MS), seq, taken_ns=round(taken_ms * MS))


def parts(
    rule: MatchRule = RULE, *, untriggered: bool = False
) -> tuple[TriggeredParts, ManualClock]:
    clock = ManualClock()
    line = TriggeredParts({"top": "caps 1.0.0"}, rule, clock=clock, untriggered=untriggered)
    return line, clock


def at(clock: ManualClock, ms: float) -> int:
    clock.advance_s(ms / 1e3 - clock.mono_ns() / 1e9)
    return clock.mono_ns()


def test_part_passes_by_its_own_frame_once_nothing_else_can_come() -> None:
    line, clock = parts()
    at(clock, 101)
    line.expect("p1", 100 * MS)
    at(clock, 125)
    line.begin(grab(115, 125))
    assert line.add(of(Verdict.PASS), grab(115, 125)) is None, "a second frame could still come"
    assert line.expire(at(clock, 134)) == []
    (part,) = line.expire(at(clock, 135))
    assert (part.part_id, part.mono_ns) == ("p1", 100 * MS)
    assert part.channels[0].verdict == Verdict.PASS


@pytest.mark.parametrize("order", ["ewv", "wev", "wve"])
def test_order_of_arrival_does_not_matter(order: str) -> None:
    line, clock = parts(MatchRule({"top": Window(0, 30 * MS)}, 200 * MS, 0, 4 * MS))
    at(clock, 111.6)
    shot = grab(111, 111.5)
    steps = {
        "e": lambda: line.expect("p1", 108 * MS),
        "w": lambda: line.begin(shot),
        "v": lambda: line.add(of(Verdict.PASS), shot),
    }
    for step in order:
        steps[step]()
    (part,) = line.expire(at(clock, 150))
    assert part.channels[0].verdict == Verdict.PASS


def test_trigger_without_a_frame_is_missed() -> None:
    line, clock = parts()
    at(clock, 100)
    line.expect("p1", 100 * MS)
    assert line.expire(at(clock, 300)) == []
    (part,) = line.expire(at(clock, 301))
    assert part.channels[0].verdict == Verdict.NO_VERDICT
    assert part.channels[0].reason == ("missed: nothing was taken 10 to 30 ms after its trigger")
    assert line.counts.missed == 1


def test_stale_frame_is_told_and_passes_nothing() -> None:
    line, clock = parts()
    at(clock, 100)
    line.expect("p1", 100 * MS)
    at(clock, 120)
    line.begin(grab(60, 120))
    assert line.wants(grab(60, 120)) is False
    line.add(of(Verdict.PASS), grab(60, 120))
    (part,) = line.expire(at(clock, 301))
    assert part.channels[0].reason.startswith("stale: taken 40 ms before its trigger")
    assert line.counts.stale == 1


def test_two_frames_for_one_trigger_are_no_verdict_and_a_fail_stays() -> None:
    for second, expected in ((Verdict.PASS, Verdict.NO_VERDICT), (Verdict.FAIL, Verdict.FAIL)):
        line, clock = parts()
        at(clock, 100)
        line.expect("p1", 100 * MS)
        at(clock, 130)
        for seq, verdict in enumerate((Verdict.PASS, second)):
            line.begin(grab(112 + 10 * seq, 130, seq))
            line.add(of(verdict), grab(112 + 10 * seq, 130, seq))
        (part,) = line.expire(at(clock, 140))
        assert part.channels[0].verdict == expected
        assert line.counts.double_items == 1


def test_two_triggers_within_the_debounce_do_not_pass() -> None:
    line, clock = parts()
    at(clock, 103)
    line.expect("", 100 * MS)
    line.expect("", 103 * MS)
    line.begin(grab(111, 111))
    line.add(of(Verdict.PASS), grab(111, 111))
    closed = line.expire(at(clock, 400))
    assert [part.channels[0].verdict for part in closed] == [Verdict.NO_VERDICT] * 2
    assert line.counts.double_triggers == 1


def test_bounce_with_the_same_part_id_is_one_part_that_does_not_pass() -> None:
    line, clock = parts()
    at(clock, 101)
    line.expect("p1", 100 * MS)
    line.expect("p1", 101 * MS)
    line.begin(grab(115, 115))
    line.add(of(Verdict.PASS), grab(115, 115))
    (part,) = line.expire(at(clock, 140))
    assert part.channels[0].reason == "two triggers within 1.0 ms"


def test_frame_within_two_windows_passes_neither_part() -> None:
    line, clock = parts()
    for edge in (100, 112):
        at(clock, edge)
        line.expect(f"p{edge}", edge * MS)
    at(clock, 126)
    line.begin(grab(125, 126))
    line.add(of(Verdict.PASS), grab(125, 126))
    closed = line.expire(at(clock, 150))
    assert {part.channels[0].reason for part in closed} == {"one item for 2 triggers"}


def test_trigger_that_is_reported_late_does_not_pass() -> None:
    line, clock = parts()
    at(clock, 115)
    line.begin(grab(114, 115))
    line.add(of(Verdict.PASS), grab(114, 115))
    at(clock, 120)
    line.expect("p1", 100 * MS)
    (part,) = line.expire(at(clock, 140))
    assert part.channels[0].reason == "reported 20 ms after its edge"
    assert line.counts.late_reports == 1


@pytest.mark.parametrize("untriggered", [True, False], ids=["a part", "passed over"])
def test_frame_without_a_trigger_is_a_part_or_passed_over(untriggered: bool) -> None:
    line, clock = parts(untriggered=untriggered)
    at(clock, 50)
    line.begin(grab(49, 50))
    assert line.wants(grab(49, 50)) is False
    closed = line.expire(at(clock, 60))
    assert len(closed) == untriggered
    assert all(part.channels[0].verdict == Verdict.NO_VERDICT for part in closed)
    assert line.counts.untriggered == 1


def test_frame_with_a_stamp_of_another_clock_is_a_part_without_a_verdict() -> None:
    line, clock = parts(untriggered=True)
    ahead = grab(3_600_000, 125)
    at(clock, 125)
    line.begin(ahead)
    line.add(of(Verdict.PASS), ahead)
    (part,) = line.expire(at(clock, 400))
    assert part.channels[0].verdict == Verdict.NO_VERDICT
    assert line.expire(at(clock, 30_000)) == []


def test_deadlines_are_watched_without_walking_over_what_was_decided() -> None:
    line, clock = parts()
    for k in range(300):
        at(clock, 40 * k)
        line.expect(f"p{k}", clock.mono_ns())
        line.expire(at(clock, 40 * k + 39))
    waiting = list(line._matcher.undecided())
    assert [event.part_id for event in waiting] == [f"p{k}" for k in range(295, 300)]


def test_fail_after_the_decision_is_a_late_fail() -> None:
    line, clock = parts()
    at(clock, 100)
    line.expect("p1", 100 * MS)
    at(clock, 120)
    line.begin(grab(115, 120))
    (part,) = line.expire(at(clock, 301))
    assert part.missed == ("top",)
    late = line.add(of(Verdict.FAIL), grab(115, 120))
    assert late is not None
    assert (late.part_id, late.after) == ("p1", Verdict.NO_VERDICT)


def test_frame_waits_for_its_event_as_long_as_one_can_be_reported() -> None:
    line, clock = parts(MatchRule({"top": Window(0, 30 * MS)}, 200 * MS, 0, 4 * MS))
    at(clock, 50)
    line.begin(grab(49, 50))
    assert line.wants(grab(49, 50)) is None
    line.expect("p1", 48 * MS)
    assert line.wants(grab(49, 50)) is True
    assert line.part_of(grab(49, 50)) == "p1"


def test_optional_channel_that_gave_nothing_is_waited_for_until_its_time() -> None:
    clock = ManualClock()
    windows = {"top": WINDOW, "side": WINDOW}
    line = TriggeredParts(
        {"top": "caps 1.0.0", "side": "caps 1.0.0"},
        MatchRule(windows, deadline_ns=200 * MS, report_ns=4 * MS),
        clock=clock,
        optional=["side"],
        optional_wait_ns=80 * MS,
    )
    at(clock, 100)
    line.expect("p1", 100 * MS)
    at(clock, 120)
    line.begin(grab(115, 120))
    line.add(of(Verdict.PASS), grab(115, 120))
    assert line.expire(at(clock, 180)) == []
    (part,) = line.expire(at(clock, 181))
    assert [one.verdict for one in part.channels] == [Verdict.PASS, Verdict.NO_VERDICT]


CODED = MatchRule(
    {"top": WINDOW, CODES: Window(-50 * MS, 20 * MS)}, deadline_ns=200 * MS, report_ns=4 * MS
)


@pytest.mark.parametrize("code_first", [True, False])
def test_code_names_the_part_whose_window_holds_it(code_first: bool) -> None:
    line, clock = parts(CODED)
    at(clock, 102)
    shot = grab(115, 115)
    if code_first:
        line.name("A7", 80 * MS)
    line.expect("1", 100 * MS)
    if not code_first:
        line.name("A7", 80 * MS)
    line.begin(shot)
    line.add(of(Verdict.PASS), shot)
    assert line.part_of(shot) == "A7"
    (part,) = line.expire(at(clock, 300))
    assert (part.part_id, part.channels[0].verdict) == ("A7", Verdict.PASS)


@pytest.mark.parametrize(
    ("codes", "needs", "name", "reason"),
    [
        ([], False, "1", ""),
        ([], True, "1", "no code was read"),
        ([("A7", 60)], True, "A7", ""),
        ([("A7", 60), ("A8", 70)], True, "1", "2 codes were read for one part"),
        ([("A7", 30)], True, "1", "no code was read"),
    ],
    ids=["none needed", "none", "one", "two", "of another part"],
)
def test_part_of_an_unsure_name_does_not_pass(
    codes: list[tuple[str, int]], needs: bool, name: str, reason: str
) -> None:
    line, clock = parts(replace(CODED, needs_code=needs))
    at(clock, 101)
    for code, read_ms in codes:
        line.name(code, read_ms * MS)
    line.expect("1", 100 * MS)
    line.begin(grab(115, 115))
    line.add(of(Verdict.PASS), grab(115, 115))
    (part,) = line.expire(at(clock, 300))
    assert part.part_id == name
    assert part.channels[0].reason == reason
    assert part.channels[0].verdict == (Verdict.NO_VERDICT if reason else Verdict.PASS)


def test_one_code_for_two_parts_names_neither() -> None:
    line, clock = parts(CODED)
    for edge in (100, 130):
        at(clock, edge)
        line.expect(str(edge), edge * MS)
    line.name("A7", 95 * MS)
    line.begin(grab(115, 116))
    line.add(of(Verdict.PASS), grab(115, 116))
    closed = line.expire(at(clock, 400))
    assert {part.part_id for part in closed} == {"100", "130"}
    assert closed[0].channels[0].reason == "one code for 2 parts"


def test_code_without_a_part_is_counted_and_no_part() -> None:
    line, clock = parts(CODED, untriggered=True)
    line.name("A7", 10 * MS)
    assert line.expire(at(clock, 200)) == []
    assert line.counts.unclaimed_codes == 1


def test_memory_does_not_grow_with_the_parts() -> None:
    matcher = Matcher(RULE)
    for k in range(2000):
        now = k * 100 * MS
        event = matcher.expect("", now, now)
        assert event is not None
        matcher.decide(event, Verdict.PASS)
        matcher.take(Grab("top", "", now, k, taken_ns=now + 15 * MS))
        matcher.forget(now)
    assert len(list(matcher.undecided())) == 0
    assert matcher.find(Grab("top", "", 0, 0)) is None
    assert matcher.find(Grab("top", "", 1999 * 100 * MS, 1999)) is not None


@dataclass(frozen=True)
class TruePart:
    """One part of the made-up line and what befalls it. Times in ms."""

    gap: float
    good: bool
    edge_lost: bool
    bounce: float
    report: float
    frame_lost: bool
    taken: float
    transport: float
    again: bool


def true_parts(least_gap: float) -> st.SearchStrategy[list[TruePart]]:
    return st.lists(
        st.builds(
            TruePart,
            gap=st.floats(least_gap, 90),
            good=st.booleans(),
            edge_lost=st.sampled_from([False, False, False, least_gap > 20]),
            bounce=st.sampled_from([0, 0, 0, 1.5, 4.5]),
            report=st.floats(0, 3.9),
            frame_lost=st.sampled_from([False, False, False, True]),
            taken=st.floats(10, 30),
            transport=st.floats(0, 160),
            again=st.sampled_from([False, False, False, True]),
        ),
        min_size=1,
        max_size=12,
    )


@settings(max_examples=150, deadline=None)
@given(line=true_parts(least_gap=21), seed=st.integers(0, 1 << 16))
def test_no_part_passes_by_the_frame_of_another_one(line: list[TruePart], seed: int) -> None:
    """Any loss of edges and frames, any repeat, jitter and order, at gaps wider than the window."""
    check_line(line, seed)


@settings(max_examples=100, deadline=None)
@given(line=true_parts(least_gap=1), seed=st.integers(0, 1 << 16))
def test_parts_closer_than_the_window_do_not_pass_by_one_another(
    line: list[TruePart], seed: int
) -> None:
    """While every edge is seen, parts may follow each other as closely as they like."""
    check_line(line, seed)


def check_line(line: list[TruePart], seed: int) -> None:
    """Play the line to TriggeredParts in the order of time, and hold what passed to the truth."""
    dice = random.Random(seed)
    happenings: list[tuple[float, str, int, float]] = []
    edges: list[float] = []
    edge = 0.0
    for k, part in enumerate(line):
        edge += part.gap
        edges.append(edge)
        if not part.edge_lost:
            happenings.append((edge + part.report, "edge", k, edge))
            if part.bounce:
                happenings.append(
                    (edge + part.bounce + part.report, "bounce", k, edge + part.bounce)
                )
        for repeat in range(0 if part.frame_lost else 1 + part.again):
            taken = edge + (part.taken if not repeat else dice.uniform(10, 30))
            happenings.append((taken + part.transport, "frame", k, taken))
    parts_, clock = parts()
    decided: list[ClosedPart] = []
    waiting: list[tuple[float, Grab, int]] = []
    ticks = [(float(ms), "tick", 0, 0.0) for ms in range(0, round(edge) + 1200, 5)]
    for seq, (now, kind, k, when) in enumerate(sorted([*happenings, *ticks])):
        at(clock, now)
        for due, shot, of_part in [one for one in waiting if one[0] <= now]:
            waiting.remove((due, shot, of_part))
            closed = parts_.add(of(Verdict.PASS if line[of_part].good else Verdict.FAIL), shot)
            decided += [closed] if closed else []
        if kind in ("edge", "bounce"):
            parts_.expect(f"{kind}-{k}", round(when * MS))
        elif kind == "frame":
            shot = grab(when, now, seq)
            parts_.begin(shot)
            waiting.append((now + dice.uniform(0, 20), shot, k))
        decided += parts_.expire(clock.mono_ns())
    by_part = {part.part_id: part for part in decided if part.after is None}
    reported = [h for h in happenings if h[1] != "frame"]
    assert len(by_part) == len(reported), "each reported part is decided"
    for part_id, closed_part in by_part.items():
        kind, _, number = part_id.partition("-")
        if closed_part.channels[0].verdict == Verdict.PASS:
            true = line[int(number)]
            assert true.good, "a bad part passed"
            assert kind == "edge"
            assert not true.frame_lost, "it passed by another part's frame"
            assert not true.bounce
