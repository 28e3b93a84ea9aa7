"""Who belongs to a part, and what happens to a part that stays incomplete."""

from __future__ import annotations

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.messages import ChannelVerdict
from edge_agent.decide.parts import Assembler

CHANNELS = {"top": "caps 1.0.0", "side": "caps 2.0.0"}
MS = 1_000_000


def verdict(channel: str) -> ChannelVerdict:
    return ChannelVerdict(channel=channel, bundle=CHANNELS[channel], verdict=Verdict.PASS)


def assembler(join: str = "part_id") -> Assembler:
    return Assembler(CHANNELS, join=join, deadline_ms=100)


def test_unjoined_item_is_a_part_of_its_own() -> None:
    part = assembler("none").add(verdict("top"), "p1", 5)
    assert part is not None
    assert [c.channel for c in part.channels] == ["top"]
    assert part.mono_ns == 5


def test_joined_part_waits_for_every_channel_and_counts_from_the_first_grab() -> None:
    line = assembler()
    assert line.add(verdict("side"), "p1", 3 * MS) is None
    assert line.add(verdict("top"), "p2", 4 * MS) is None
    part = line.add(verdict("top"), "p1", 5 * MS)
    assert part is not None
    assert part.part_id == "p1"
    assert [c.channel for c in part.channels] == ["top", "side"]
    assert part.mono_ns == 3 * MS


def test_missing_channel_is_no_verdict_at_the_deadline() -> None:
    line = assembler()
    line.add(verdict("top"), "p1", 0)
    assert line.expire(100 * MS) == []
    (part,) = line.expire(101 * MS)
    missing = part.channels[1]
    assert (missing.channel, missing.bundle) == ("side", "caps 2.0.0")
    assert missing.verdict == Verdict.NO_VERDICT
    assert "deadline of 100 ms" in missing.reason
    assert line.expire(999 * MS) == []


def test_late_channel_does_not_open_the_part_anew() -> None:
    line = assembler()
    line.add(verdict("top"), "p1", 0)
    line.expire(101 * MS)
    assert line.add(verdict("side"), "p1", 102 * MS) is None
    assert line.late == 1
    assert line.expire(999 * MS) == []


def test_part_that_comes_again_is_a_new_part() -> None:
    line = assembler()
    for grab in (0, 1000 * MS):
        line.add(verdict("top"), "p1", grab)
        part = line.add(verdict("side"), "p1", grab)
        assert part is not None
        assert part.mono_ns == grab


def test_network_that_hangs_is_reported_at_the_deadline_and_ignored_after() -> None:
    line = assembler("none")
    line.begin("top", "p1", 0)
    (part,) = line.expire(101 * MS)
    assert part.channels[0].verdict == Verdict.NO_VERDICT
    assert line.add(verdict("top"), "p1", 0) is None
    assert line.late == 1
