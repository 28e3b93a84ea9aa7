"""Alarms begin and end once, and NO-VERDICT is neither."""

from __future__ import annotations

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict, VerdictMessage
from edge_agent.station.alarms import AlarmWatch


def decided(at_ns: int, verdict: Verdict, channel: str = "spindle") -> VerdictMessage:
    one = ChannelVerdict(channel=channel, bundle="", verdict=verdict, reason="zone D")
    return VerdictMessage(
        station="s",
        at_ns=at_ns,
        part_id="p",
        verdict=verdict,
        action="accept",
        latency_ms=1,
        deadline_ms=2,
        channels=[one],
    )


def state(at_ns: int, name: str, reason: str = "") -> StateMessage:
    return StateMessage.model_validate(
        {"station": "s", "at_ns": at_ns, "state": name, "reason": reason}
    )


def test_a_machines_alarm_begins_once_and_ends_with_a_pass() -> None:
    watch = AlarmWatch("s", ["spindle"])
    verdicts = [Verdict.PASS, Verdict.FAIL, Verdict.FAIL, Verdict.NO_VERDICT, Verdict.PASS]
    found = [watch.look(decided(k + 1, verdict)) for k, verdict in enumerate(verdicts)]
    assert [len(one) for one in found] == [0, 1, 0, 0, 1]
    begin, end = found[1][0], found[4][0]
    assert (begin.active, begin.reason, begin.since_ns) == (True, "zone D", 2)
    assert (end.active, end.since_ns, end.at_ns) == (False, 2, 5)
    assert begin.source == end.source == "spindle"


def test_a_bad_part_is_no_alarm() -> None:
    assert AlarmWatch("s", ["spindle"]).look(decided(1, Verdict.FAIL, "camera")) == []


def test_a_station_alarms_when_it_was_armed_and_is_not_any_more() -> None:
    watch = AlarmWatch("s", [])
    steps = [(1, "disarmed"), (2, "armed"), (3, "disarmed"), (4, "disarmed"), (5, "armed")]
    found = [watch.look(state(at_ns, name, "camera lost")) for at_ns, name in steps]
    assert [[a.active for a in one] for one in found] == [[], [], [True], [], [False]]
    assert found[2][0].reason == "camera lost"


def test_a_stop_is_no_alarm() -> None:
    watch = AlarmWatch("s", [])
    watch.look(state(1, "armed"))
    assert watch.look(state(2, "stopping")) == []
