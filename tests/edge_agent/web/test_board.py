"""What the board counts and shows of the messages that it takes."""

from __future__ import annotations

import numpy as np
import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.kinds.verdict import VerdictMessage
from edge_agent.web.board import REMEMBERED, STRIP, Board
from edge_agent.web.pictures import Pictures
from tests.station_kit import HEALTH, verdict


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def board(clock: ManualClock) -> Board:
    return Board("press-7", ["top"], clock=clock, pictures=Pictures(), stopped_by=lambda: "ann")


def part(number: int, clock: ManualClock, **other: object) -> VerdictMessage:
    known = {"part_id": f"p{number}", "at_ns": clock.utc_ns(), "latency_ms": float(number)}
    return verdict().model_copy(update=known | other)


def test_an_empty_board_has_no_figures(board: Board) -> None:
    view = board.view()
    assert (view.state, view.reason, view.stopped_by) == ("disarmed", "starting", "ann")
    assert view.counts == {"PASS": 0, "FAIL": 0, "NO-VERDICT": 0}
    assert (view.p50_ms, view.deadline_ms, view.parts, view.parts_per_min) == (None, None, [], 0)


def test_counts_causes_and_latencies_are_those_of_the_messages(
    board: Board, clock: ManualClock
) -> None:
    for number in range(1, 100):
        board.publish(part(number, clock, verdict=Verdict.PASS))
    board.publish(part(100, clock, verdict=Verdict.NO_VERDICT, reason="top: stale: waited"))
    view = board.view()
    assert view.counts == {"PASS": 99, "FAIL": 0, "NO-VERDICT": 1}
    assert view.no_verdicts == {"late": 1}
    assert (view.p50_ms, view.p95_ms) == (50.5, 95.05)
    assert [row.part_id for row in view.parts] == [f"p{n}" for n in range(100 - STRIP + 1, 101)]
    assert view.parts_per_min == 100
    clock.advance_s(61)
    assert board.view().parts_per_min == 0


def test_history_forgets_the_oldest_and_counts_them_still(board: Board, clock: ManualClock) -> None:
    for number in range(REMEMBERED + 5):
        board.publish(part(number, clock, verdict=Verdict.PASS))
    assert board.part("p4") is None
    assert board.history(2)[0].part_id == f"p{REMEMBERED + 4}"
    assert len(board.history(10 * REMEMBERED)) == REMEMBERED
    assert board.view().counts["PASS"] == REMEMBERED + 5


def test_of_two_parts_of_one_name_the_number_tells(board: Board, clock: ManualClock) -> None:
    for verdict_ in (Verdict.PASS, Verdict.FAIL):
        board.publish(part(1, clock, verdict=verdict_))
    newest, first = board.part("p1"), board.part("p1", 1)
    assert newest is not None
    assert first is not None
    assert (newest.verdict, first.verdict) == (Verdict.FAIL, Verdict.PASS)
    board.mark_reported(1)
    assert [row.reported for row in board.history(2)] == [False, True]


def test_every_change_has_a_new_version(board: Board, clock: ManualClock) -> None:
    seen = [board.version]
    board.publish(StateMessage(station="press-7", state="armed", at_ns=1))
    seen.append(board.version)
    board.publish(HEALTH)
    seen.append(board.version)
    board.changed()
    seen.append(board.version)
    picture = np.zeros((4, 4, 3), np.uint8)
    board.pictures.show(channel="top", part_id="p", verdict=Verdict.PASS, at_ns=1, image=picture)
    seen.append(board.version)
    assert seen == sorted(set(seen))
    assert board.view().state == "armed"
