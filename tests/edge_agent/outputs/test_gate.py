"""A gate moves for each part when that part is there, and for nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action, ChannelVerdict
from edge_agent.outputs.gate import MOST_SLOTS, SEVERITY, GateSchedule, GateTable


def schedule(rest: Action = "reject", undecided: Action = "reject") -> GateSchedule:
    return GateSchedule(delay=100, width=10, rest=rest, undecided=undecided)


def actions(gate: GateSchedule, *places: int) -> list[Action]:
    return [gate.shown(place).action for place in places]


def test_gate_opens_for_a_passed_part_alone() -> None:
    gate = schedule()
    gate.expect("p1", 0)
    assert gate.decide("p1", 0, "accept", 40) is None
    assert actions(gate, 99, 100, 109, 110) == ["reject", "accept", "accept", "reject"]


def test_gate_that_rests_open_moves_for_a_bad_part() -> None:
    gate = schedule(rest="accept")
    gate.decide("p1", 0, "reject", 40)
    assert gate.next_change(40) == 100
    assert actions(gate, 99, 100, 110) == ["accept", "reject", "accept"]
    assert gate.next_change(120) is None


def test_undecided_part_takes_the_safe_action_at_the_gate() -> None:
    gate = schedule(rest="accept")
    gate.expect("p1", 0)
    assert actions(gate, 100, 109, 110) == ["reject", "reject", "accept"]


@pytest.mark.parametrize(
    ("rest", "expected", "action", "went_through"),
    [
        ("reject", True, "accept", False),
        ("reject", True, "reject", False),
        ("accept", True, "reject", False),
        ("accept", False, "reject", True),
        ("accept", False, "accept", False),
        ("reject", False, "reject", False),
    ],
)
def test_late_result_is_counted_and_went_through_only_where_the_gate_was_open(
    rest: Action, expected: bool, action: Action, went_through: bool
) -> None:
    gate = schedule(rest=rest)
    if expected:
        gate.expect("p1", 0)
    late = gate.decide("p1", 0, action, 105)
    assert late is not None
    assert late.went_through == went_through
    assert (gate.late, gate.went_through) == (1, int(went_through))
    assert gate.shown(106).action == ("reject" if expected else rest)


def test_pulses_that_overlap_merge_and_the_worse_one_counts() -> None:
    gate = schedule()
    orders: list[tuple[str, int, Action]] = [
        ("p1", 0, "accept"), ("p2", 5, "reject"), ("p3", 8, "accept"),
    ]  # fmt: skip
    for part, trigger, action in orders:
        gate.decide(part, trigger, action, 20)
    assert actions(gate, 100, 104, 105, 114, 115, 117, 118) == [
        "accept", "accept", "reject", "reject", "accept", "accept", "reject",
    ]  # fmt: skip


def test_late_fail_before_the_gate_rejects_a_part_that_had_passed() -> None:
    gate = schedule()
    gate.expect("p1", 0)
    gate.decide("p1", 0, "accept", 20)
    assert gate.decide("p1", 0, "reject", 90) is None
    assert gate.shown(100).action == "reject"


def test_late_fail_after_the_gate_is_a_bad_part_that_went_through() -> None:
    gate = schedule()
    gate.expect("p1", 0)
    gate.decide("p1", 0, "accept", 20)
    late = gate.decide("p1", 0, "reject", 105)
    assert late is not None
    assert late.went_through


def test_part_ids_that_come_again_are_decided_in_their_order() -> None:
    gate = schedule()
    gate.expect("same", 0)
    gate.expect("same", 50)
    gate.decide("same", 0, "reject", 60)
    gate.decide("same", 50, "accept", 70)
    assert actions(gate, 100, 150) == ["reject", "accept"]


def test_trigger_that_bounces_is_one_slot() -> None:
    gate = schedule()
    gate.expect("p1", 0, trigger_ns=5)
    gate.expect("p1", 2, trigger_ns=7)
    gate.decide("p1", 0, "accept", 40, trigger_ns=5)
    assert actions(gate, 99, 100, 109, 110, 111) == [
        "reject", "accept", "accept", "reject", "reject",
    ]  # fmt: skip


def test_part_that_got_its_name_later_keeps_its_slot() -> None:
    gate = schedule()
    gate.expect("17", 0, trigger_ns=5)
    gate.decide("A7", 0, "accept", 40, trigger_ns=5)
    assert actions(gate, 99, 100, 109, 110) == ["reject", "accept", "accept", "reject"]


def test_safe_state_stays_until_a_part_that_came_after_it_is_at_the_gate() -> None:
    gate = schedule(rest="accept")
    gate.decide("before", 0, "accept", 10)
    gate.show_safe_state("stop", 50)
    gate.decide("after", 60, "accept", 70)
    assert actions(gate, 60, 100, 159, 160, 170) == ["stop", "stop", "stop", "accept", "accept"]


def test_parts_on_a_belt_that_stands_still_are_bounded() -> None:
    gate = schedule()
    assert all(gate.expect(str(k), 0) for k in range(MOST_SLOTS))
    assert gate.expect(str(MOST_SLOTS - 1), 0)
    assert not gate.expect("one more", 0)


PARTS = st.lists(
    st.tuples(
        st.integers(0, 40),
        st.sampled_from([None, "accept", "reject", "stop"]),
        st.integers(0, 150),
        st.booleans(),
    ),
    max_size=12,
)


@settings(max_examples=80, deadline=None)
@given(parts=PARTS, rest=st.sampled_from(["accept", "reject"]))
def test_at_every_place_the_gate_does_the_worst_that_the_parts_there_need(
    parts: list[tuple[int, Action | None, int, bool]], rest: Action
) -> None:
    """Held to a picture of the belt that is drawn place by place."""
    gate, trigger, belt = schedule(rest=rest), 0, []
    events: list[tuple[int, int, str, int, Action | None]] = []
    for k, (gap, action, after, expected) in enumerate(parts):
        trigger += gap
        if expected:
            events.append((trigger, 0, str(k), trigger, None))
        if action is not None:
            events.append((trigger + after, 1, str(k), trigger, action))
        in_time = action is not None and after < 100
        if in_time or expected:
            belt.append((trigger + 100, action if in_time and action else "reject"))
    events.sort()
    for place in range(trigger + 200):
        while events and events[0][0] <= place:
            _, _, part, at, action = events.pop(0)
            if action is None:
                gate.expect(part, at)
            else:
                gate.decide(part, at, action, place)
        here: list[Action] = [action for due, action in belt if due <= place < due + 10]
        expected_action = max(here, key=SEVERITY.__getitem__) if here else rest
        assert gate.shown(place).action == expected_action


def decision(verdict: Verdict, action: Action, label: str = "") -> Decision:
    channel = ChannelVerdict(channel="top", bundle="b 1", verdict=verdict, label=label)
    return Decision("p", verdict, action, "", 1.0, (channel,))


@pytest.mark.parametrize(
    ("table", "given", "expected"),
    [
        ({}, decision(Verdict.FAIL, "reject", "pit"), "reject"),
        ({}, decision(Verdict.NO_VERDICT, "reject"), "reject"),
        ({}, decision(Verdict.NO_VERDICT, "accept"), "accept"),
        ({}, decision(Verdict.NO_VERDICT, "stop"), "stop"),
        ({"labels": ["pit"]}, decision(Verdict.FAIL, "reject", "pit"), "reject"),
        ({"labels": ["pit"]}, decision(Verdict.FAIL, "reject", "chip"), "accept"),
        ({"labels": ["pit"]}, decision(Verdict.NO_VERDICT, "reject"), "reject"),
        ({"verdicts": ["NO-VERDICT"]}, decision(Verdict.FAIL, "reject", "pit"), "accept"),
        ({}, decision(Verdict.PASS, "accept"), "accept"),
    ],
)
def test_rules_choose_which_parts_move_which_gate(
    table: dict[str, object], given: Decision, expected: Action
) -> None:
    gate = GateTable.model_validate({"delay_ms": 100, "width_ms": 10, **table})
    assert gate.action_on(given) == expected


@pytest.mark.parametrize(
    "table",
    [
        {},
        {"delay_ms": 1},
        {"delay_ms": 1, "width_mm": 1},
        {"delay_ms": 1, "width_ms": 1, "delay_mm": 1},
    ],
)
def test_gate_needs_a_time_or_a_way(table: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="delay_ms and width_ms, or delay_mm and width_mm"):
        GateTable.model_validate(table)
