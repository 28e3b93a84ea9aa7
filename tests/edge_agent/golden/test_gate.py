"""A golden part that is decided wrongly stops passing before the next part."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict
from edge_agent.golden.check import Expected, GoldenCheck, GoldenRequest
from edge_agent.golden.config import GoldenTable
from edge_agent.golden.folder import GoldenFolder
from edge_agent.golden.gate import GoldenGate


@dataclass
class HandClock:
    """Time that the test moves."""

    now_ns: int = 10**18
    slept: list[float] = field(default_factory=list)

    def utc_ns(self) -> int:
        return self.now_ns

    def mono_ns(self) -> int:
        return self.now_ns

    def sleep_s(self, seconds: float) -> None:
        self.slept.append(seconds)


def decision(verdict: Verdict, label: str = "") -> Decision:
    channel = ChannelVerdict(channel="top", bundle="caps 1.0.0", verdict=verdict, label=label)
    action = "accept" if verdict == Verdict.PASS else "reject"
    return Decision("p", verdict, action, "", 1.0, (channel,))


PASS, FAIL = decision(Verdict.PASS, "good"), decision(Verdict.FAIL, "scratch")
NONE = decision(Verdict.NO_VERDICT)


def request(*parts: Expected, number: int = 1, labels: tuple[str, ...] = ()) -> GoldenRequest:
    return GoldenRequest(number=number, by="anna", parts=list(parts), labels=list(labels), at_ns=1)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


def gate(
    folder: Path, clock: HandClock, told: list[object] | None = None, **table: object
) -> GoldenGate:
    record = (lambda *words: told.append(words)) if told is not None else (lambda *_: None)
    made = GoldenGate(
        folder, "reject", GoldenTable.model_validate(table), clock=clock, record=record
    )
    made.load()
    return made


def asked(
    folder: Path, clock: HandClock, one: GoldenRequest, told: list[object] | None = None
) -> GoldenGate:
    GoldenFolder(folder).ask(one)
    made = gate(folder, clock, told)
    made.look()
    return made


@pytest.mark.parametrize(
    ("parts", "decisions", "words"),
    [
        (("good", "bad"), (PASS, PASS), "golden part 2 (bad) was PASS, not FAIL"),
        (("good", "bad"), (FAIL,), "golden part 1 (good) was FAIL, not PASS"),
        (("good",), (NONE,), "golden part 1 (good) was NO-VERDICT, not PASS"),
    ],
    ids=["wrong threshold", "swapped labels", "dead lamp or lost channel"],
)
def test_a_wrong_decision_blocks_the_next_part(
    tmp_path: Path,
    clock: HandClock,
    parts: tuple[Expected, ...],
    decisions: tuple[Decision, ...],
    words: str,
) -> None:
    station = asked(tmp_path, clock, request(*parts))
    for one in decisions:
        station.applied(one)
    after = station.applied(PASS)
    assert (after.verdict, after.action) == (Verdict.NO_VERDICT, "reject")
    assert after.reason == f"stopped by {words}"


def test_a_stop_survives_a_restart_and_ends_with_a_right_check(
    tmp_path: Path, clock: HandClock
) -> None:
    told: list[object] = []
    station = asked(tmp_path, clock, request("bad"), told)
    station.applied(PASS)
    station.look()
    again = asked(tmp_path, clock, request("good", "bad", number=2), told)
    assert again.applied(PASS).verdict == Verdict.NO_VERDICT
    again.applied(FAIL)
    assert again.applied(PASS).verdict == Verdict.NO_VERDICT
    again.look()
    assert again.applied(PASS).verdict == Verdict.PASS
    found = GoldenFolder(tmp_path).last_passed()
    assert found is not None
    assert [one.verdict for one in found.seen] == [Verdict.PASS, Verdict.FAIL]
    assert [words[1] for words in told if isinstance(words, tuple)] == ["golden parts"] * 3


def test_a_label_must_be_the_right_one() -> None:
    check = GoldenCheck(request("bad", "bad", labels=("scratch", "pit")))
    check.take(FAIL)
    assert not check.fault
    check.take(FAIL)
    assert check.fault == "golden part 2 (pit) was FAIL for scratch, not pit"


def test_parts_that_do_not_come_stop_passing(tmp_path: Path, clock: HandClock) -> None:
    station = asked(tmp_path, clock, request("good", "bad"))
    station.applied(PASS)
    clock.now_ns += 301 * 10**9
    station.look()
    assert "1 golden parts did not come in 300 s" in station.applied(PASS).reason


def test_a_person_clears_and_a_persons_stop_stays(tmp_path: Path, clock: HandClock) -> None:
    station = asked(tmp_path, clock, request("bad"))
    station.applied(PASS)
    station.look()
    GoldenFolder(tmp_path).ask(request(number=2))
    station.look()
    assert not station.by
    station.stop("bert")
    GoldenFolder(tmp_path).ask(request(number=3))
    station.look()
    assert station.by == "bert"


def test_a_right_check_leaves_the_stop_that_a_person_made_before_it(
    tmp_path: Path, clock: HandClock
) -> None:
    station = asked(tmp_path, clock, request("bad"))
    station.stop("bert")
    station.applied(PASS)
    station.look()
    GoldenFolder(tmp_path).ask(request("good", number=2))
    station.look()
    station.applied(PASS)
    station.look()
    assert station.by == "bert"
    assert station.applied(PASS).reason == "stopped by bert"
    station.release()
    assert station.applied(PASS).verdict == Verdict.PASS


@pytest.mark.parametrize("on_the_page", [True, False], ids=["page", "golden clear"])
def test_who_lets_parts_pass_is_not_stopped_again_at_once(
    tmp_path: Path, clock: HandClock, on_the_page: bool
) -> None:
    station = gate(tmp_path, clock, every_h=8, block_when_due=True)
    station.look()
    assert "none was seen yet" in station.by
    if on_the_page:
        station.release()
    else:
        GoldenFolder(tmp_path).ask(request())
    station.look()
    station.look()
    assert not station.by
    clock.now_ns += 8 * 3600 * 10**9
    station.look()
    assert "8.0 h since the last" in station.by


def test_golden_parts_are_due_by_the_hour_and_after_a_change_over(
    tmp_path: Path, clock: HandClock
) -> None:
    due = {"every_h": 8, "after_change_over": True, "block_when_due": True}
    station = gate(tmp_path, clock, **due)
    station.look()
    assert "none was seen yet" in station.applied(PASS).reason
    GoldenFolder(tmp_path).ask(request("good"))
    station.look()
    station.applied(PASS)
    station.look()
    assert (station.by, station.due()) == ("", "")
    for title in ("caps 1.0.0", "lids 1.0.0"):
        station.publish(StateMessage(station="s", state="armed", at_ns=1, bundles={"top": title}))
    station.look()
    assert "the bundle has changed" in station.by
    clock.now_ns += 9 * 3600 * 10**9
    assert "the bundle has changed" in gate(tmp_path, clock, **due).due()
    assert "9.0 h since the last" in gate(tmp_path, clock, every_h=8).due()


def test_a_stop_that_no_disk_keeps_is_told_once(
    tmp_path: Path, clock: HandClock, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "passing-stopped" / "in the way").mkdir(parents=True)
    station = gate(tmp_path, clock, every_h=8, block_when_due=True)
    for _ in range(3):
        with pytest.raises(StorageError):
            station.look()
    assert caplog.text.count("none was seen yet") == 1
    assert station.applied(PASS).verdict is Verdict.NO_VERDICT


def armed(**titles: str) -> StateMessage:
    return StateMessage(station="s", state="armed", at_ns=1, bundles=titles)


CHANGE_OVER = {"after_change_over": True, "block_when_due": True}


def test_a_change_over_stops_before_the_next_part_and_after_a_restart(
    tmp_path: Path, clock: HandClock
) -> None:
    station = gate(tmp_path, clock, **CHANGE_OVER)
    for title in ("caps 1.0.0", "lids 1.0.0"):
        station.publish(armed(top=title))
    assert station.applied(PASS).reason == "stopped by golden parts are due: the bundle has changed"
    station.look()
    again = gate(tmp_path, clock, **CHANGE_OVER)
    assert "the bundle has changed" in again.due()
    assert again.applied(PASS).verdict == Verdict.NO_VERDICT


def test_a_change_over_is_due_after_a_restart_where_it_stops_nothing(
    tmp_path: Path, clock: HandClock
) -> None:
    station = gate(tmp_path, clock, after_change_over=True)
    for title in ("caps 1.0.0", "lids 1.0.0"):
        station.publish(armed(top=title))
    station.look()
    again = gate(tmp_path, clock, after_change_over=True)
    assert (again.by, again.due()) == ("", "golden parts are due: the bundle has changed")


def test_a_bundle_that_came_while_the_agent_was_off_is_a_change_over(
    tmp_path: Path, clock: HandClock
) -> None:
    station = gate(tmp_path, clock, **CHANGE_OVER)
    station.publish(armed(top="caps 1.0.0", side="caps 1.0.0"))
    station.look()
    same = gate(tmp_path, clock, **CHANGE_OVER)
    same.publish(armed(top="caps 1.0.0", side="caps 1.0.0"))
    assert not same.due()
    other = gate(tmp_path, clock, **CHANGE_OVER)
    other.publish(armed(top="caps 1.0.0", side="caps 1.0.1"))
    assert other.applied(PASS).verdict == Verdict.NO_VERDICT


def test_who_let_parts_pass_is_remembered_over_a_restart(tmp_path: Path, clock: HandClock) -> None:
    due = {"every_h": 8, **CHANGE_OVER}
    station = gate(tmp_path, clock, **due)
    for title in ("caps 1.0.0", "lids 1.0.0"):
        station.publish(armed(top=title))
    station.look()
    station.release()
    station.look()
    again = gate(tmp_path, clock, **due)
    again.look()
    assert (again.by, again.due()) == ("", "")


def test_a_damaged_record_of_what_is_due_counts_as_a_change_over(
    tmp_path: Path, clock: HandClock
) -> None:
    station = gate(tmp_path, clock, **CHANGE_OVER)
    station.publish(armed(top="caps 1.0.0"))
    station.look()
    (tmp_path / "golden" / "due.json").write_text("{")
    assert "the bundle has changed" in gate(tmp_path, clock, **CHANGE_OVER).due()


def test_a_damaged_request_is_removed(tmp_path: Path, clock: HandClock) -> None:
    files = GoldenFolder(tmp_path)
    files.ask(request("good"))
    (files.path / "request.json").write_text("{")
    station = gate(tmp_path, clock)
    station.look()
    assert not files.has_request()
    assert station.applied(PASS).verdict == Verdict.PASS
