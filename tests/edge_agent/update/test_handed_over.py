"""Releases that another updater hands over: taken, committed, given back, refused."""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path

import pytest

from deploy.carriers.release_archive import release_archive
from edge_agent.contracts.core.errors import BundleError, LinesideError, StorageError
from edge_agent.update.bundle_update import journal_of, opened
from edge_agent.update.handed_over import HandOver
from edge_agent.update.machine import UpdateMachine
from edge_agent.update.slots import status
from edge_agent.update.state_table import State
from tests.edge_agent.rollout.rollout_kit import Line, open_line
from tests.signing_kit import Workshop, open_workshop


@pytest.fixture
def line(tmp_path: Path) -> Line:
    """A station that runs 1.0.0."""
    return open_line(tmp_path)


def packed(workshop: Workshop, version: str) -> Path:
    """A new release as one file."""
    bundle = workshop.signed(version)
    name, payload = release_archive(bundle, workshop.folder / "releases")
    path = workshop.folder / name
    path.write_bytes(payload)
    return path


def hand_over(line: Line, by: str = "mender 1") -> HandOver:
    return HandOver(line.station(), by, probation_s=0.0, retry_s=0.0)


def version(line: Line) -> str:
    return status(line.root)[0].version


@pytest.mark.parametrize("form", ["bundle", "release"])
def test_a_release_waits_for_the_commit_and_is_permanent_then(line: Line, form: str) -> None:
    release = packed(line.workshop, "1.1.0")
    payload = line.workshop.folder / f"brightness-1.1.0.{form}"
    assert payload.exists()
    assert release.exists()
    for _ in range(2):  # a second call finds what the first one did
        assert hand_over(line).bring(payload).state == "commit"
    assert version(line) == "1.1.0"
    for _ in range(2):
        assert hand_over(line).commit().state == "done"
    assert hand_over(line).bring(payload).state == "done"


def test_a_release_that_fails_its_probation_is_back_before_the_call_ends(line: Line) -> None:
    line.bad.add("1.1.0")
    with pytest.raises(BundleError, match="disarms the station"):
        hand_over(line).bring(packed(line.workshop, "1.1.0"))
    assert version(line) == "1.0.0"
    with pytest.raises(BundleError, match="nothing to commit"):
        hand_over(line).commit()
    line.bad.clear()
    with pytest.raises(BundleError, match="was given up"):
        hand_over(line, "mender 2").bring(line.workshop.folder / "brightness-1.1.0.release")


def test_what_is_given_back_may_come_again(line: Line) -> None:
    release = packed(line.workshop, "1.1.0")
    hand_over(line).bring(release)
    hand_over(line, "rauc 7").give_back("not its own")
    assert version(line) == "1.1.0"
    for _ in range(2):
        hand_over(line).give_back("Mender rolled it back")
    assert version(line) == "1.0.0"
    hand_over(line, "mender 2").bring(release)
    assert hand_over(line, "mender 2").commit().version == "1.1.0"


class Killed(BaseException):
    """A power cut."""


def test_what_failed_its_probation_is_not_pardoned_by_a_way_back(line: Line) -> None:
    line.bad.add("1.1.0")
    release = packed(line.workshop, "1.1.0")

    def cut(state: State) -> None:
        if state == "roll_back":
            raise Killed

    killed = HandOver(line.station(), "mender 1", probation_s=0.0, retry_s=0.0, step=cut)
    with pytest.raises(Killed):
        killed.bring(release)
    hand_over(line).give_back("Mender rolled it back")
    assert version(line) == "1.0.0"
    line.bad.clear()
    with pytest.raises(BundleError, match="was given up"):
        hand_over(line, "mender 2").bring(release)


def test_a_way_back_that_was_cut_before_the_pardon_pardons_later(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = packed(line.workshop, "1.1.0")
    hand_over(line).bring(release)

    def cut(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(UpdateMachine, "pardon", cut)
        with pytest.raises(Killed):
            hand_over(line).give_back("Mender rolled it back")
    hand_over(line).give_back("Mender rolled it back")
    hand_over(line, "mender 2").bring(release)
    assert version(line) == "1.1.0"


def test_a_way_back_waits_for_the_lock_and_looks_again(line: Line) -> None:
    hand_over(line).bring(packed(line.workshop, "1.1.0"))
    holding, done = threading.Event(), threading.Event()

    def commit() -> None:
        with opened(line.station()) as machine:
            holding.set()
            done.wait(0.3)
            machine.run()

    other = threading.Thread(target=commit)
    other.start()
    assert holding.wait(10)
    waiting = HandOver(line.station(), "mender 1", probation_s=0.0, retry_s=0.1)
    waiting.give_back("Mender rolled it back")
    other.join()
    assert version(line) == "1.0.0"


def test_what_another_program_committed_is_given_back_once(line: Line) -> None:
    hand_over(line).bring(packed(line.workshop, "1.1.0"))
    with opened(line.station()) as machine:  # as `update resume` does after a power cut
        machine.run()
    for _ in range(2):
        hand_over(line).give_back("Mender rolled it back")
        assert version(line) == "1.0.0"


def test_an_older_release_is_refused_in_words(line: Line) -> None:
    old, new = packed(line.workshop, "1.1.0"), packed(line.workshop, "1.2.0")
    hand_over(line, "mender 2").bring(new)
    hand_over(line, "mender 2").commit()
    with pytest.raises(BundleError, match="is older than"):
        hand_over(line, "mender 3").bring(old)
    assert version(line) == "1.2.0"


@pytest.mark.parametrize("form", ["bundle", "release"])
def test_a_strangers_release_begins_nothing(line: Line, tmp_path: Path, form: str) -> None:
    stranger = open_workshop(tmp_path / "stranger")
    packed(stranger, "9.0.0")
    with pytest.raises(BundleError, match="not signed by a key that this station trusts"):
        hand_over(line).bring(stranger.folder / f"brightness-9.0.0.{form}")
    assert journal_of(line.root) is None


def test_one_update_waits_for_another(line: Line) -> None:
    first, second = packed(line.workshop, "1.1.0"), packed(line.workshop, "1.2.0")
    hand_over(line).bring(first)
    with pytest.raises(StorageError, match="another update is in the state commit"):
        hand_over(line, "hawkbit 3").bring(second)
    hand_over(line).commit()
    hand_over(line, "hawkbit 3").bring(second)
    assert version(line) == "1.2.0"


def test_a_cut_or_altered_release_is_refused_and_changes_nothing(line: Line) -> None:
    release = packed(line.workshop, "1.1.0")
    whole = release.read_bytes()
    for at in range(0, len(whole), max(1, len(whole) // 40)):
        release.write_bytes(whole[:at])
        with pytest.raises(LinesideError):
            hand_over(line).bring(release)
        release.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        before = journal_of(line.root)
        try:  # a byte of the ZIP's own dates may change: what is in it is what was signed
            hand_over(line).bring(release)
        except LinesideError:
            assert journal_of(line.root) == before
        else:
            hand_over(line).give_back("next")
    assert version(line) == "1.0.0"


def test_a_compressed_release_is_refused(line: Line) -> None:
    release = packed(line.workshop, "1.1.0")
    with zipfile.ZipFile(release) as source:
        files = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(release, "w", zipfile.ZIP_DEFLATED) as target:
        for name, payload in files.items():
            target.writestr(name, payload)
    with pytest.raises(StorageError, match="is compressed"):
        hand_over(line).bring(release)
