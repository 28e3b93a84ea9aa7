"""A change at the line is recorded or refused; a stop is obeyed before anything else."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.escape import EscapeMessage
from edge_agent.decide.hold import Hold
from edge_agent.web.access import RefusedError
from edge_agent.web.api_models import MissedDefect, StopPassing
from edge_agent.web.board import Board
from edge_agent.web.changes import ChangeLog, Changes
from edge_agent.web.pictures import Pictures
from tests.station_kit import verdict


class Line(Hold):
    """The station's own hold; a full disk refuses to remember."""

    full = False

    def _write(self, stops: Mapping[str, str]) -> None:
        if self.full:
            raise StorageError("full")
        super()._write(stops)


class Bench:
    """Changes with a record of what was written."""

    def __init__(self) -> None:
        self.line, self.can_record = Line(), True
        self.records: list[tuple[object, ...]] = []
        self.board = Board("s", ["top"], clock=ManualClock(), pictures=Pictures())
        self.changes = Changes(self.board, self.line, ChangeLog(self._record), clock=ManualClock())

    def _record(self, *words: object) -> bool:
        if self.can_record:
            self.records.append(words)
        return self.can_record


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_stop_and_release_are_recorded_with_both_states(bench: Bench) -> None:
    bench.changes.set_passing("ann", StopPassing(stopped=True, note="jam\x1b[2K"))
    bench.changes.set_passing("bob", StopPassing(stopped=False))
    assert bench.line.by == ""
    assert bench.records == [
        ("ann", "passing", {"stopped_by": ""}, {"stopped_by": "ann", "note": "jam\\x1b[2K"}),
        ("bob", "passing", {"stopped_by": "ann"}, {"stopped_by": ""}),
    ]


def test_a_line_that_runs_is_not_released_again(bench: Bench) -> None:
    bench.changes.set_passing("bob", StopPassing(stopped=False))
    assert bench.records == []


def test_a_stop_stands_though_it_cannot_be_recorded(bench: Bench) -> None:
    bench.can_record = False
    bench.line.full = True
    with pytest.raises(RefusedError, match="audit log") as error:
        bench.changes.set_passing("ann", StopPassing(stopped=True))
    assert (error.value.status, bench.line.by) == (503, "ann")


@pytest.mark.parametrize("fault", ["record", "disk"])
def test_parts_do_not_pass_again_unless_that_is_recorded(fault: str, bench: Bench) -> None:
    bench.changes.set_passing("ann", StopPassing(stopped=True))
    bench.can_record, bench.line.full = fault != "record", fault == "disk"
    with pytest.raises(RefusedError):
        bench.changes.set_passing("bob", StopPassing(stopped=False))
    assert bench.line.by == "ann"


def test_the_plant_is_told_of_a_missed_defect(bench: Bench) -> None:
    told: list[EscapeMessage] = []
    bench.changes.tell = told.append
    bench.board.publish(verdict(part_id="p1\x1b[2K"))
    for _ in range(2):  # a second tap
        bench.changes.report_missed("ann", MissedDefect(part_id="p1\x1b[2K", note="scratch"))
    (message,) = told
    assert (message.station, message.by, message.note) == ("s", "ann", "scratch")
    assert (message.part_id, message.verdict) == ("p1\\x1b[2K", Verdict.NO_VERDICT)


def test_a_report_stands_though_the_outbox_takes_nothing(bench: Bench) -> None:
    def full(message: EscapeMessage) -> None:
        raise StorageError("full")

    bench.changes.tell = full
    bench.board.publish(verdict(part_id="p1"))
    assert bench.changes.report_missed("ann", MissedDefect(part_id="p1")) == 0
    assert [record[:2] for record in bench.records] == [("ann", "missed defect")]


def test_a_missed_defect_is_recorded_once_it_is_a_part_that_passed(bench: Bench) -> None:
    bench.board.publish(verdict(part_id="p1").model_copy(update={"verdict": Verdict.PASS}))
    bench.board.publish(verdict(part_id="p2").model_copy(update={"verdict": Verdict.FAIL}))
    bench.changes.report_missed("ann", MissedDefect(part_id="p1", note="scratch"))
    ((who, what, before, after),) = bench.records
    assert (who, what) == ("ann", "missed defect")
    assert before == {"part_id": "p1", "verdict": "PASS"}
    assert after == {"part_id": "p1", "truth": "defect", "note": "scratch"}
    for part_id, status in (("p2", 409), ("p3", 404)):
        with pytest.raises(RefusedError) as error:
            bench.changes.report_missed("ann", MissedDefect(part_id=part_id))
        assert error.value.status == status
    assert [row.reported for row in bench.board.history(2)] == [False, True]
