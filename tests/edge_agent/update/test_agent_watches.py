"""When a new agent may be tried, and what the launcher's record says of the trial."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import ManualClock
from edge_agent.contracts.core.errors import BundleError, DeviceError
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.update.agent_watches import START_S, WATCH_S, Armed, LauncherWord, restart_by
from edge_agent.update.journal import Journal
from edge_agent.update.trial import Record, Trial, Verdict, read_record, write_record

TRIAL = Trial(trial="0" * 16, slot="a" * 64)
JOURNAL = Journal(candidate="a" * 64, name="agent-any", version="1.1.0")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "agent").mkdir()
    (tmp_path / "state").mkdir()
    (tmp_path / "agent" / "trial.json").write_text(TRIAL.model_dump_json())
    return tmp_path


class Restarts:
    """A restart after which the launcher's record is there."""

    def __init__(self, root: Path, record: Record | None) -> None:
        self.count = 0
        self._state = root / "state"
        self._record = record

    def __call__(self) -> None:
        self.count += 1
        if self._record is not None:
            write_record(self._state, self._record)


def asked(root: Path, record: Record | None) -> tuple[bool, int, float]:
    """The word, how often the agent was restarted, and after how long it came."""
    restarts, clock = Restarts(root, record), ManualClock()
    word = LauncherWord(root, root / "state", restarts, clock)(JOURNAL)
    return word, restarts.count, clock.mono_ns() / 1e9


def record(verdict: Verdict, starts: int = 1, reason: str = "") -> Record:
    return Record(trial=TRIAL.trial, starts=starts, verdict=verdict, reason=reason)


def test_the_agent_is_restarted_once_and_its_proof_taken(root: Path) -> None:
    assert asked(root, record("proven"))[:2] == (True, 1)
    assert asked(root, None)[:2] == (True, 0), "the record is there: nothing is restarted"


def test_what_the_launcher_gave_up_is_a_verdict(root: Path) -> None:
    with pytest.raises(BundleError, match="given up by the launcher"):
        asked(root, record("failed", reason="it ended with exit code 1"))


def test_a_trial_without_an_end_is_asked_again_later(root: Path) -> None:
    word, restarts, after_s = asked(root, record(""))
    assert (word, restarts) == (False, 1)
    assert WATCH_S <= after_s < WATCH_S + 2


def test_a_service_without_the_launcher_is_told(root: Path) -> None:
    restarts, clock = Restarts(root, None), ManualClock()
    with pytest.raises(BundleError, match="let the service run `lineside-agent launch`"):
        LauncherWord(root, root / "state", restarts, clock)(JOURNAL)
    assert START_S <= clock.mono_ns() / 1e9 < START_S + 2
    assert restarts.count == 1


@pytest.mark.parametrize(
    ("state", "by_person", "may"),
    [("armed", False, True), ("armed", True, False), ("disarmed", False, False)],
)
def test_an_armed_station_may_try_an_agent(
    state: str, by_person: bool, may: bool, tmp_path: Path
) -> None:
    assert not Armed(tmp_path)(JOURNAL)
    message = StateMessage(station="a", at_ns=1, state=state)  # type: ignore[arg-type]
    (tmp_path / "state.json").write_text(message.model_dump_json())
    assert Armed(tmp_path)(JOURNAL.model_copy(update={"by_person": by_person})) is may


@pytest.mark.parametrize(
    ("command", "words"), [("no-such-program", "No such file"), ("false", "cannot be restarted")]
)
def test_a_restart_that_fails_is_told(command: str, words: str) -> None:
    with pytest.raises(DeviceError, match=words):
        restart_by(command)()
    restart_by(f"{sys.executable} -c pass")()


def test_a_damaged_record_is_none(tmp_path: Path) -> None:
    assert read_record(tmp_path / "nowhere") is None
    (tmp_path / "launch.json").write_text("{}")
    assert read_record(tmp_path) is None
