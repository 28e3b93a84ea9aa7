"""The handshake as a PLC sees it, for every order of events."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from edge_agent.plc.handshake import Handshake, Result
from edge_agent.plc.jobs import JobState
from edge_agent.plc.reasons import JobAnswer, OfflineReason, ReasonClass
from edge_agent.plc.registers import Command, Status

PASS, FAIL = Result(1, 1, 0), Result(2, 2, 1)
ENABLED = Command(enable=1)
MS = 1_000_000


def handshake(room: int = 8, *, triggers: bool = True) -> Handshake:
    made = Handshake(room=room, triggers=triggers, timeout_ns=1000 * MS, gap_ns=100 * MS)
    made.offline, made.armed = OfflineReason.NONE, True
    made.begin(0)
    made.scan(ENABLED, 0)
    return made


def raised(number: int = 7) -> Command:
    return replace(ENABLED, trigger=1, part_number=number)


def shown(made: Handshake) -> Status:
    return made.status(1)


def test_a_part_goes_through_trigger_acknowledge_result_acknowledge() -> None:
    made = handshake()
    assert (shown(made).online, shown(made).ready, shown(made).armed) == (1, 1, 1)
    accepted = made.scan(raised(), 1).accepted
    assert accepted is not None
    assert (accepted.number, accepted.part_number) == (1, 7)
    now = shown(made)
    assert (now.trigger_ack, now.acquisition_id, now.busy, now.ready) == (1, 1, 1, 0)
    made.scan(ENABLED, 2)
    assert (shown(made).trigger_ack, shown(made).ready) == (0, 1)
    assert made.decide(accepted.part_id, FAIL)
    made.scan(ENABLED, 3)
    now = shown(made)
    assert (now.result_valid, now.result_acquisition_id, now.result_part_number) == (1, 1, 7)
    assert (now.verdict, now.action, now.reason_class, now.busy) == (2, 2, 1, 0)
    made.scan(replace(ENABLED, result_ack=1), 4)
    assert shown(made).result_valid == 0
    assert shown(made).results_waiting == 0


@pytest.mark.parametrize(
    ("what", "reason"),
    [("offline", 1), ("disabled", 4), ("change-over", 6), ("full", 0)],
)
def test_a_trigger_while_not_ready_is_missed_and_gets_no_result(what: str, reason: int) -> None:
    made, command = handshake(room=1), raised()
    if what == "offline":
        made.offline = OfflineReason.STARTING
    elif what == "disabled":
        command = replace(command, enable=0)
        made.scan(Command(), 1)
    elif what == "change-over":
        made.job = JobState(1, JobAnswer.BUSY)
    else:
        made.scan(raised(1), 1)
        made.scan(ENABLED, 2)
    assert made.scan(command, 3).accepted is None
    now = shown(made)
    assert (now.missed_count, now.trigger_ack, now.ready, now.offline_reason) == (1, 0, 0, reason)


def test_a_trigger_that_stands_there_when_the_link_begins_is_missed() -> None:
    made = handshake()
    made.begin(0)
    assert made.scan(raised(), 10).accepted is None
    made.scan(raised(), 11)
    made.scan(ENABLED, 12)
    assert shown(made).missed_count == 1
    assert made.scan(raised(), 13).accepted is not None


def test_a_trigger_between_looks_far_apart_is_missed_for_its_time_is_unknown() -> None:
    made = handshake()
    assert made.scan(raised(), 101 * MS).accepted is None
    assert shown(made).missed_count == 1


def test_a_part_without_a_decision_ends_as_no_verdict_and_a_late_pass_changes_nothing() -> None:
    made = handshake()
    accepted = made.scan(raised(), 1).accepted
    assert accepted is not None
    made.scan(ENABLED, 1002 * MS)
    now = shown(made)
    assert (now.verdict, now.action, now.reason_class) == (4, 2, ReasonClass.NO_RESULT)
    assert made.decide(accepted.part_id, PASS)
    assert made.decide(accepted.part_id, FAIL)
    assert shown(made).results_waiting == 1, "it is rejected already"


def test_a_late_fail_is_a_second_result_of_the_same_part() -> None:
    made = handshake()
    accepted = made.scan(raised(), 1).accepted
    assert accepted is not None
    assert made.decide(accepted.part_id, PASS)
    assert made.decide(accepted.part_id, FAIL)
    assert made.decide(accepted.part_id, FAIL)
    found = []
    for k in range(4):
        made.scan(replace(ENABLED, result_ack=k % 2), 2 + k)
        found.append((shown(made).result_valid, shown(made).result_acquisition_id))
    assert found == [(1, 1), (0, 1), (1, 1), (0, 1)]
    assert shown(made).verdict == 2


def test_without_triggers_a_full_buffer_is_an_overrun_and_nothing_is_overwritten() -> None:
    made = handshake(room=2, triggers=False)
    taken = [made.decide(f"p{k}", PASS if k % 2 else FAIL) for k in range(5)]
    assert taken == [True, True, False, False, False]
    made.scan(ENABLED, 1)
    now = shown(made)
    assert (now.overrun, now.overrun_count, now.result_acquisition_id) == (1, 3, 1)
    made.scan(replace(ENABLED, reset_counts=1), 2)
    assert (shown(made).overrun, shown(made).overrun_count) == (0, 0)


def test_numbers_go_on_after_a_restart_and_begin_again_after_the_largest() -> None:
    made = handshake()
    restarted = handshake()
    restarted = Handshake(room=8, triggers=True, timeout_ns=MS, gap_ns=MS)
    restarted.offline = OfflineReason.NONE
    restarted.begin(65535)
    restarted.scan(ENABLED, 0)
    first, second = restarted.scan(raised(), 1).accepted, made.scan(raised(), 1).accepted
    assert first is not None
    assert second is not None
    assert (first.number, second.number) == (1, 1)
    restarted.begin(9)
    assert restarted.status(1).acquisition_id == 1, "its own number counts, not the PLC's"


@pytest.mark.parametrize(
    ("answer", "ack", "refused"),
    [(JobAnswer.BUSY, 0, 0), (JobAnswer.TAKEN, 1, 0), (JobAnswer.NO_JOBS, 0, 1)],
)
def test_a_job_is_asked_once_and_answered_while_it_is_asked(
    answer: JobAnswer, ack: int, refused: int
) -> None:
    made, asks = handshake(), replace(ENABLED, job_select=1, job=5)
    assert made.scan(asks, 1).job == 5
    made.job = JobState(5 if ack else 0, answer)
    assert made.scan(asks, 2).job is None
    now = shown(made)
    assert (now.job_ack, now.job_refused, now.job_answer) == (ack, refused, answer)
    made.scan(ENABLED, 3)
    assert (shown(made).job_ack, shown(made).job_refused) == (0, 0)


class EveryOrder(RuleBasedStateMachine):
    """A PLC that keeps to the handshake, a station that decides in any order, a link that breaks.

    The belt's truth is the part number: an even one is a bad part.
    """

    @initialize(room=st.integers(1, 4))
    def start(self, room: int) -> None:
        self.room = room
        self.made = handshake(room)
        self.now = 0
        self.command = ENABLED
        self.part = self.triggers = self.accepted = self.dropped = 0
        self.open: dict[str, int] = {}
        self.accepted_ids: dict[int, int] = {}
        self.passed: set[int] = set()
        self.seen = shown(self.made)

    def look(self) -> None:
        self.now += 1
        before = self.seen
        accepted = self.made.scan(self.command, self.now).accepted
        self.seen = shown(self.made)
        if accepted is not None:
            self.accepted += 1
            assert accepted.part_number == self.part
            assert accepted.number not in self.accepted_ids
            self.accepted_ids[accepted.number] = accepted.part_number
            self.open[accepted.part_id] = accepted.part_number
        if before.result_valid and not self.command.result_ack:
            assert self.seen.result_valid, "a result went before it was acknowledged"
            assert self.seen.result_acquisition_id == before.result_acquisition_id
            assert self.seen.verdict == before.verdict

    @precondition(lambda self: not self.command.trigger and not self.seen.trigger_ack)
    @rule(patient=st.booleans())
    def trigger(self, patient: bool) -> None:
        if patient and not self.seen.ready:
            return
        self.part += 1
        self.triggers += 1
        self.command = replace(self.command, trigger=1, part_number=self.part)
        self.look()

    @precondition(lambda self: self.command.trigger)
    @rule()
    def lower_trigger(self) -> None:
        self.command = replace(self.command, trigger=0)
        self.look()

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def decide(self, data: st.DataObject) -> None:
        part_id = data.draw(st.sampled_from(sorted(self.open)))
        bad = self.open.pop(part_id) % 2 == 0
        assert self.made.decide(part_id, FAIL if bad else PASS)

    @rule()
    def plc_takes_results(self) -> None:
        if self.seen.result_valid and not self.command.result_ack:
            number, part = self.seen.result_acquisition_id, self.seen.result_part_number
            assert self.accepted_ids[number] == part
            assert part not in self.passed
            if self.seen.verdict == 1:
                self.passed.add(part)
            self.command = replace(self.command, result_ack=1)
        elif not self.seen.result_valid:
            self.command = replace(self.command, result_ack=0)
        self.look()

    @rule()
    def link_breaks_and_comes_back(self) -> None:
        self.dropped += len(self.open)
        self.open.clear()
        self.made.begin(self.seen.acquisition_id)
        self.look_after_break()

    def look_after_break(self) -> None:
        self.now += 1
        before = self.command
        assert self.made.scan(self.command, self.now).accepted is None
        self.command = before
        self.seen = shown(self.made)
        assert self.seen.results_waiting == 0

    @rule(on=st.booleans())
    def hold(self, on: bool) -> None:
        self.made.offline = OfflineReason.HELD if on else OfflineReason.NONE
        self.look()

    @invariant()
    def no_bad_part_passed(self) -> None:
        if hasattr(self, "passed"):
            assert not [part for part in self.passed if part % 2 == 0]

    @invariant()
    def every_trigger_is_accepted_or_missed(self) -> None:
        if hasattr(self, "seen"):
            assert self.accepted + self.seen.missed_count == self.triggers
            assert self.seen.overrun == 0
            assert len(self.open) + self.seen.results_waiting <= self.room


TestEveryOrder = EveryOrder.TestCase
