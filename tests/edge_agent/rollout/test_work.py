"""Desired states carried out by the real update machine, and begun again after kills."""

from __future__ import annotations

import errno
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.signing.release import release_bundles
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.rollout.taken import Taken, read_taken, taken_after
from edge_agent.rollout.work import MOST_TRIES, Work, current
from edge_agent.update.bundle_update import candidate_of, journal_of, opened, quarantine_of
from edge_agent.update.folder import Folder
from edge_agent.update.journal import JOURNAL
from edge_agent.update.station_key import public_keys
from tests.edge_agent.rollout.rollout_kit import NAME, Line, open_line


@pytest.fixture
def line(tmp_path: Path) -> Line:
    return open_line(tmp_path)


def taken_of(line: Line, version: str, **given: object) -> Taken:
    state = line.state(read_bundle(line.workshop.signed(version)), **given)  # type: ignore[arg-type]
    return Taken(state=state, digest="0" * 64)


def version(line: Line) -> str:
    return current(line.root, NAME)[0]


def test_a_release_comes_and_goes_and_again_changes_nothing(line: Line) -> None:
    steps: list[str] = []
    work, taken = Work(line.station(), line.source(), steps.append), taken_of(line, "1.1.0")
    for _ in range(2):
        assert (work.go_on(taken).ended, version(line)) == ("done", "1.1.0")
    assert steps[:3] == ["fetch", "download", "verify"]
    assert steps[-1] == "commit"
    back = taken.model_copy(update={"state": taken.state.model_copy(update={"action": "return"})})
    for _ in range(2):
        assert (work.go_on(back).ended, version(line)) == ("returned", "1.0.0")


def test_the_version_that_is_asked_is_fetched_and_not_the_newest(line: Line) -> None:
    taken = taken_of(line, "1.1.0")
    line.release("1.2.0")
    assert Work(line.station(), line.source()).go_on(taken).ended == "done"
    assert version(line) == "1.1.0"


def test_a_release_that_fails_its_probation_is_failed_and_stays_so(line: Line) -> None:
    line.bad.add("1.1.0")
    work, taken = Work(line.station(), line.source()), taken_of(line, "1.1.0")
    after = work.go_on(taken)
    assert (after.ended, version(line)) == ("failed", "1.0.0")
    assert "disarms the station" in after.reason
    again = work.go_on(taken)
    assert (again.ended, version(line)) == ("failed", "1.0.0")
    assert "was given up" in again.reason


def test_a_release_that_is_encrypted_for_this_station_is_carried_out(line: Line) -> None:
    key = bytes.fromhex(public_keys(line.root)["key"])
    path, repository = line.workshop.unsigned("1.1.0"), line.workshop.repository()
    release_bundles([path], "main", repository, [key])
    taken = Taken(state=line.state(read_bundle(path)), digest="0" * 64)
    assert Work(line.station(), line.source()).go_on(taken).ended == "done"
    assert version(line) == "1.1.0"
    other = line.workshop.unsigned("1.2.0")
    release_bundles([other], "main", repository, [bytes(31) + b"\x09"])
    taken = Taken(state=line.state(read_bundle(other), 2), digest="0" * 64)
    after = Work(line.station(), line.source()).go_on(taken)
    assert (after.ended, version(line)) == ("failed", "1.1.0")
    assert "not for this one" in after.reason


def test_a_source_out_of_reach_is_tried_again_and_then_given_up(line: Line) -> None:
    taken, releases = taken_of(line, "1.1.0"), line.workshop.folder / "releases"
    shutil.move(releases, line.folder / "away")
    work = Work(line.station(), line.source())
    tried = work.go_on(taken)
    assert (tried.ended, tried.tries) == ("", 1)
    assert f"{releases}: cannot be reached" in tried.reason
    last = tried.model_copy(update={"tries": MOST_TRIES - 1})
    assert work.go_on(last).ended == "failed"
    shutil.move(line.folder / "away", releases)
    assert work.go_on(tried).ended == "done"


def test_another_bundle_of_the_same_version_is_refused(line: Line) -> None:
    taken = taken_of(line, "1.1.0")
    other = taken.state.model_copy(update={"manifest_sha256": "1" * 64})
    after = Work(line.station(), line.source()).go_on(taken.model_copy(update={"state": other}))
    assert (after.ended, version(line)) == ("failed", "1.0.0")
    assert "holds another brightness 1.1.0" in after.reason


def test_an_update_at_the_station_is_waited_for(line: Line) -> None:
    taken, other = taken_of(line, "1.2.0"), line.workshop.signed("1.1.0")
    with opened(line.station()) as machine:
        machine.begin(candidate_of(other))
    waiting = Work(line.station(), line.source()).go_on(taken)
    assert (waiting.ended, waiting.tries) == ("", 1)
    assert "another update is at work" in waiting.reason


@pytest.mark.parametrize("fault", [0, 2, 6, 14, 16, 18])
def test_a_journal_that_cannot_be_written_once_changes_no_end(
    fault: int, line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    line.bad.add("1.1.0")
    written, real = 0, Folder.write

    def write(folder: Folder, name: str, payload: bytes, mode: int = 0o644) -> None:
        nonlocal written
        if name == JOURNAL:
            written += 1
            if written == fault + 1:
                raise OSError(errno.ENOSPC, "No space left on device")
        real(folder, name, payload, mode)

    monkeypatch.setattr(Folder, "write", write)
    work, taken = Work(line.station(), line.source()), taken_of(line, "1.1.0")
    for _ in range(3):
        taken = taken if taken.ended else work.go_on(taken)
    assert (taken.ended, version(line)) == ("failed", "1.0.0")
    assert "disarms the station" in taken.reason
    journal = journal_of(line.root)
    assert journal is not None
    assert (journal.state, written > fault) == ("quarantine", True)


def test_a_release_that_comes_again_is_not_done_by_its_old_journal(line: Line) -> None:
    work, taken = Work(line.station(), line.source()), taken_of(line, "1.1.0")
    assert work.go_on(taken).ended == "done"
    kept = read_taken(line.root)
    assert kept is not None
    back = taken.model_copy(update={"state": taken.state.model_copy(update={"action": "return"})})
    assert work.go_on(back).ended == "returned"
    # As after a kill between the write of the candidate and the write of the new journal.
    assert (work.go_on(kept).ended, version(line)) == ("done", "1.1.0")


def test_a_return_takes_no_station_below_what_it_had(line: Line) -> None:
    work, install = Work(line.station(), line.source()), taken_of(line, "1.1.0")
    had = install.state.manifest_sha256
    old = current(line.root, NAME)[1]
    assert work.go_on(install).ended == "done"
    back = install.state.model_copy(update={"action": "return"})
    for before, ends in (
        (taken_after(None, install.state, "0" * 64, had), "1.1.0"),
        (taken_after(None, install.state, "0" * 64, old), "1.0.0"),
    ):
        taken = taken_after(before, back, "1" * 64, had)
        assert (work.go_on(taken).ended, version(line)) == ("returned", ends)


def test_an_update_that_is_given_up_after_the_last_try_is_not_at_work(line: Line) -> None:
    taken, payload = taken_of(line, "1.1.0"), line.workshop.signed("1.1.0").read_bytes()
    station = replace(line.station(), source=payload)
    with opened(station) as machine:
        machine.begin(candidate_of(payload))
    shutil.move(line.workshop.folder / "releases", line.folder / "away")
    last = taken.model_copy(
        update={"candidate": candidate_of(payload).candidate, "tries": MOST_TRIES - 1}
    )
    after, journal = Work(line.station(), line.source()).go_on(last), journal_of(line.root)
    assert journal is not None
    assert (after.ended, journal.state) == ("failed", "quarantine")
    shutil.move(line.folder / "away", line.workshop.folder / "releases")
    assert Work(line.station(), line.source()).go_on(taken).ended == "done"


def test_a_kill_between_any_two_steps_is_gone_on_with(line: Line) -> None:
    class Killed(BaseException):
        pass

    taken, died = taken_of(line, "1.1.0"), 0
    for fatal in ("download", "verify", "stage", "self_test", "switch", "probation", "commit"):

        def step(name: str, fatal: str = fatal) -> None:
            if name == fatal:
                raise Killed

        try:
            Work(line.station(), line.source(), step).go_on(taken)
        except Killed:
            died += 1
        taken = read_taken(line.root) or taken
    assert died == 7
    assert Work(line.station(), line.source()).go_on(taken).ended == "done"
    assert version(line) == "1.1.0"


def test_a_newer_desired_state_ends_what_an_older_one_began(line: Line) -> None:
    taken = taken_of(line, "1.1.0")
    path = line.folder / "candidate.bundle"
    path.write_bytes((line.workshop.folder / "brightness-1.1.0.bundle").read_bytes())
    candidate = candidate_of(path)
    with opened(line.station()) as machine:
        machine.begin(candidate)
    Work(line.station(), line.source()).give_up(
        taken.model_copy(update={"candidate": candidate.candidate})
    )
    journal = journal_of(line.root)
    assert journal is not None
    assert (journal.state, journal.reason) == ("quarantine", "another desired state came")
    assert Work(line.station(), line.source()).go_on(taken).ended == "done"


def test_a_candidate_that_failed_before_another_desired_state_came_stays_given_up(
    line: Line,
) -> None:
    def step(name: str) -> None:
        if name == "roll_back":
            raise KeyboardInterrupt

    line.bad.add("1.1.0")
    taken = taken_of(line, "1.1.0")
    with pytest.raises(KeyboardInterrupt):
        Work(line.station(), line.source(), step).go_on(taken)
    begun = read_taken(line.root)
    assert begun is not None
    work = Work(line.station(), line.source())
    assert work.give_up(begun)
    assert version(line) == "1.0.0"
    (why,) = {one.reason for one in quarantine_of(line.root).given_up.values()}
    assert "disarms the station" in why
    assert "was given up" in work.go_on(taken).reason
