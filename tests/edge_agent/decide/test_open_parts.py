"""Who belongs to a part, and what happens to a part that stays incomplete."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.decide.open_parts import ClosedPart, Grab, OpenParts

CHANNELS = {"top": "caps 1.0.0", "side": "caps 2.0.0"}
MS = 1_000_000


def verdict(channel: str, one: Verdict = Verdict.PASS) -> ChannelVerdict:
    return ChannelVerdict(channel=channel, bundle=CHANNELS[channel], verdict=one)


def assembler(join: str = "part_id", remembered: int = 4096) -> OpenParts:
    return OpenParts(CHANNELS, join=join, deadline_ms=100, remembered=remembered)


def test_unjoined_item_is_a_part_of_its_own() -> None:
    part = assembler("none").add(verdict("top"), Grab("top", "p1", 5))
    assert part is not None
    assert [c.channel for c in part.channels] == ["top"]
    assert part.mono_ns == 5


def test_joined_part_waits_for_every_channel_and_counts_from_the_first_grab() -> None:
    line = assembler()
    assert line.add(verdict("side"), Grab("side", "p1", 3 * MS)) is None
    assert line.add(verdict("top"), Grab("top", "p2", 4 * MS)) is None
    part = line.add(verdict("top"), Grab("top", "p1", 5 * MS))
    assert part is not None
    assert part.part_id == "p1"
    assert [c.channel for c in part.channels] == ["top", "side"]
    assert part.mono_ns == 3 * MS


def test_missing_channel_is_no_verdict_at_the_deadline() -> None:
    line = assembler()
    line.add(verdict("top"), Grab("top", "p1", 0))
    assert line.expire(100 * MS) == []
    (part,) = line.expire(101 * MS)
    missing = part.channels[1]
    assert (missing.channel, missing.bundle) == ("side", "caps 2.0.0")
    assert missing.verdict == Verdict.NO_VERDICT
    assert "deadline of 100 ms" in missing.reason
    assert line.expire(999 * MS) == []


def test_late_channel_does_not_open_the_part_anew() -> None:
    line = assembler()
    line.add(verdict("top"), Grab("top", "p1", 0))
    line.expire(101 * MS)
    assert line.add(verdict("side"), Grab("side", "p1", 102 * MS)) is None
    assert line.expire(999 * MS) == []


def test_part_that_comes_again_is_a_new_part() -> None:
    line = assembler()
    for grab in (0, 1500 * MS):
        line.add(verdict("top"), Grab("top", "p1", grab))
        part = line.add(verdict("side"), Grab("side", "p1", grab))
        assert part is not None
        assert part.mono_ns == grab


def test_network_that_hangs_is_reported_at_the_deadline_and_ignored_after() -> None:
    line = assembler("none")
    line.begin(Grab("top", "p1", 0))
    (part,) = line.expire(101 * MS)
    assert part.channels[0].verdict == Verdict.NO_VERDICT
    assert line.add(verdict("top"), Grab("top", "p1", 0)) is None


@pytest.mark.parametrize("order", [("FAIL", "PASS"), ("PASS", "FAIL")], ids=str)
def test_worst_item_of_a_channel_stays(order: tuple[str, str]) -> None:
    line = assembler()
    for at, one in enumerate(order):
        assert line.add(verdict("top", Verdict(one)), Grab("top", "p1", at * MS, at)) is None
    part = line.add(verdict("side"), Grab("side", "p1", 2 * MS))
    assert part is not None
    assert [c.verdict for c in part.channels] == [Verdict.FAIL, Verdict.PASS]
    assert part.repeats == {"top": 2}
    assert line.repeats == 1


def test_part_waits_for_the_repeat_that_is_still_being_judged() -> None:
    line = assembler()
    first, second, side = Grab("top", "p", 0, 0), Grab("top", "p", 1, 1), Grab("side", "p", 2, 0)
    for grab in (first, second, side):
        line.begin(grab)
    assert line.add(verdict("top"), first) is None
    assert line.add(verdict("side"), side) is None
    part = line.add(verdict("top", Verdict.FAIL), second)
    assert part is not None
    assert part.channels[0].verdict == Verdict.FAIL


def test_pass_does_not_stand_while_a_repeat_hangs() -> None:
    line = assembler()
    for seq in (0, 1):
        line.begin(Grab("top", "p", seq, seq))
    line.add(verdict("top"), Grab("top", "p", 0, 0))
    line.add(verdict("side"), Grab("side", "p", 2))
    (part,) = line.expire(200 * MS)
    assert part.channels[0].verdict == Verdict.NO_VERDICT
    assert part.channels[0].reason.startswith("a second item of this part has no verdict")
    assert part.missed == ("top",)


def test_repeat_of_a_decided_part_opens_no_new_one_and_its_fail_is_told() -> None:
    line = assembler()
    line.add(verdict("top"), Grab("top", "p", 0, 0))
    assert line.add(verdict("side"), Grab("side", "p", 1, 0)) is not None
    again = Grab("top", "p", 5 * MS, 1)
    assert line.begin(again) is None
    assert line.repeats == 1
    late = line.add(verdict("top", Verdict.FAIL), again)
    assert late is not None
    assert late.after == Verdict.PASS
    assert line.expire(999 * MS) == []
    assert line.begun == 1


def test_late_fail_is_given_once() -> None:
    line = assembler("none")
    grab = Grab("top", "p", 0)
    line.begin(grab)
    line.expire(101 * MS)
    late = line.add(verdict("top", Verdict.FAIL), grab)
    assert late is not None
    assert late.after == Verdict.NO_VERDICT
    assert [c.verdict for c in late.channels] == [Verdict.FAIL]


def test_memory_is_bounded_and_the_oldest_part_is_decided_when_too_many_wait() -> None:
    line = assembler(remembered=8)
    closed = [line.begin(Grab("top", f"p{k}", k, k)) for k in range(20)]
    assert [part.part_id for part in closed if part] == [f"p{k}" for k in range(12)]
    assert line.waiting == 8
    assert len(line.flush("the end")) == 8
    assert line.begun == 20


@dataclass
class Told:
    """What was told of the parts: decisions, and late FAILs."""

    decisions: dict[str, list[Verdict]] = field(default_factory=dict)
    late_fails: set[str] = field(default_factory=set)

    def take(self, part: ClosedPart | None) -> None:
        if part is None:
            return
        if part.after is not None:
            self.late_fails.add(part.part_id)
            return
        worst = max((c.verdict for c in part.channels), key=["PASS", "NO-VERDICT", "FAIL"].index)
        self.decisions.setdefault(part.part_id, []).append(worst)


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, list[tuple[str, str, str, Verdict]]]:
    """Steps of a line: ("grab" or "end" of an item, its channel, its part, its verdict)."""
    join = draw(st.sampled_from(["none", "part_id"]))
    items = draw(
        st.lists(
            st.tuples(
                st.sampled_from(sorted(CHANNELS)),
                st.sampled_from(["p1", "p2", "p3"]),
                st.sampled_from(list(Verdict)),
            ),
            max_size=12,
        )
    )
    steps = [(k, what) for k in range(len(items)) for what in ("grab", "end")]
    steps += [(k, "expire") for k in range(draw(st.integers(0, 3)))]
    order = draw(st.permutations(steps))
    lost = draw(st.sets(st.integers(0, 11)))
    found: list[tuple[str, str, str, Verdict]] = []
    grabbed: set[int] = set()
    for k, what in order:
        if what == "expire":
            found.append(("expire", "", "", Verdict.PASS))
            continue
        channel, part, one = items[k]
        if k not in grabbed:
            grabbed.add(k)
            found.append(("grab", channel, f"{part}#{k}" if join == "none" else part, one))
        elif k not in lost:
            found.append(("end", channel, f"{part}#{k}" if join == "none" else part, one))
    return join, found


@settings(max_examples=500, deadline=None)
@given(lines())
def test_bad_part_never_passes_and_every_part_is_decided_once(
    case: tuple[str, list[tuple[str, str, str, Verdict]]],
) -> None:
    join, steps = case
    line, told = assembler(join), Told()
    waiting: dict[tuple[str, str, Verdict], list[Grab]] = {}
    parts, bad = set(), set()
    for now, (what, channel, part, one) in enumerate(steps):
        if what == "expire":
            for closed in line.expire((now + 200) * MS):
                told.take(closed)
        elif what == "grab":
            grab = Grab(channel, part, now * MS, now)
            waiting.setdefault((channel, part, one), []).append(grab)
            parts.add(part)
            told.take(line.begin(grab))
        else:
            grab = waiting[channel, part, one].pop(0)
            told.take(line.add(verdict(channel, one), grab))
            bad |= {part} if one == Verdict.FAIL else set()
    for closed in line.flush("the end"):
        told.take(closed)
    assert {part: len(all_) for part, all_ in told.decisions.items()} == dict.fromkeys(parts, 1)
    assert line.begun == len(parts)
    for part in bad:
        assert told.decisions[part] == [Verdict.FAIL] or part in told.late_fails


def test_expected_part_is_decided_without_any_item_and_a_bounce_expects_nothing() -> None:
    line = assembler()
    line.expect("p1", 0)
    line.expect("p1", 5 * MS)
    (part,) = line.expire(101 * MS)
    assert [c.verdict for c in part.channels] == [Verdict.NO_VERDICT] * 2
    line.expect("p1", 102 * MS)
    assert line.waiting == 0
    assert line.begun == 1
    line.expect("p1", 5000 * MS)
    assert line.begun == 2, "the name is used again"


def test_expected_part_takes_the_items_that_come() -> None:
    line = assembler()
    line.expect("p1", 0)
    line.add(verdict("top"), Grab("top", "p1", MS))
    part = line.add(verdict("side"), Grab("side", "p1", 2 * MS))
    assert part is not None
    assert part.mono_ns == 0, "the deadline runs from the trigger"


def test_optional_channel_is_waited_for_no_longer_than_its_time() -> None:
    line = OpenParts(
        CHANNELS, join="part_id", deadline_ms=100, optional=["side"], optional_wait_ns=40 * MS
    )
    line.add(verdict("top"), Grab("top", "p1", 0))
    line.add(verdict("side"), Grab("side", "p2", 0))
    assert line.expire(40 * MS) == []
    (part,) = line.expire(41 * MS)
    assert part.part_id == "p1", "the one that misses its required channel waits"
    assert part.channels[1].reason == "nothing came in time"
