"""While somebody has stopped passing no part is accepted, restarts included."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision, SafeAction
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.decide.hold import FILE, PERSON, Hold
from tests.station_kit import wait_until


def decision(verdict: Verdict, action: Action) -> Decision:
    return Decision("p", verdict, action, "", 1.0, ())


@pytest.mark.parametrize(
    ("safe_action", "action"), [("reject", "reject"), ("pass-through", "reject"), ("stop", "stop")]
)
def test_a_pass_is_held(safe_action: SafeAction, action: Action) -> None:
    hold = Hold(safe_action=safe_action)
    hold.stop("anna")
    found = hold.applied(decision(Verdict.PASS, "accept"))
    assert (found.verdict, found.action) == (Verdict.NO_VERDICT, action)
    assert found.reason == "stopped by anna"


def test_a_part_without_verdict_does_not_pass_through() -> None:
    hold = Hold(safe_action="pass-through")
    hold.stop("anna")
    assert hold.applied(decision(Verdict.NO_VERDICT, "accept")).action == "reject"


def test_rejects_and_released_parts_stay_as_they_are() -> None:
    hold = Hold()
    hold.stop("anna")
    bad = decision(Verdict.FAIL, "reject")
    assert hold.applied(bad) is bad
    hold.release()
    good = decision(Verdict.PASS, "accept")
    assert hold.applied(good) is good


def test_a_restart_does_not_let_parts_pass(tmp_path: Path) -> None:
    Hold(tmp_path).stop("anna")
    after = Hold(tmp_path)
    after.load()
    assert after.by == "anna"
    (tmp_path / FILE).write_bytes(b"\xff")
    after.load()
    assert after.by
    after.release()
    again = Hold(tmp_path)
    again.load()
    assert not again.by


def test_a_stop_that_comes_while_a_release_is_written_is_kept_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold = Hold(tmp_path)
    hold.stop("anna")
    write, stopping = hold._write, threading.Thread(target=hold.stop, args=("line 2", "golden"))

    def slow(stops: dict[str, str]) -> None:
        monkeypatch.setattr(hold, "_write", write)
        stopping.start()
        assert wait_until(lambda: hold.stopped_by("golden"))
        write(stops)

    monkeypatch.setattr(hold, "_write", slow)
    hold.release(PERSON)
    stopping.join(10)
    again = Hold(tmp_path)
    again.load()
    assert again.by == hold.by == "line 2"


def test_stops_of_two_causes_end_one_by_one(tmp_path: Path) -> None:
    hold = Hold(tmp_path)
    hold.stop("bert")
    hold.stop("golden part 1 (bad) was PASS", "golden")
    assert hold.by == "bert"
    after = Hold(tmp_path)
    after.load()
    after.release("golden")
    assert after.by == "bert"
    again = Hold(tmp_path)
    again.load()
    assert (again.by, again.stopped_by("golden")) == ("bert", "")
    again.release()
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("content", ["anna", "", "[]", "{}", "3", "[" * 99_999])
def test_a_file_of_another_kind_counts_as_stopped(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content)
    hold = Hold(tmp_path)
    hold.load()
    assert hold.by == "somebody before the restart"
