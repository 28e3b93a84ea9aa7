"""Every state of an update, with every kind of failure before and after its action.

The matrix is made from the table of states. Whatever happens, and whenever: the current bundle is
the old one or the new one, whole and trusted, and going on leads to an end.
"""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import (
    BundleError,
    LinesideError,
    RollbackError,
    SignatureError,
    StorageError,
)
from edge_agent.contracts.model.bundle import Bundle
from edge_agent.update.bundle_update import Station, candidate_of, opened
from edge_agent.update.folder import Folder
from edge_agent.update.journal import (
    QUARANTINE,
    GivenUp,
    Journal,
    read_journal,
    read_quarantine,
    write,
)
from edge_agent.update.machine import Action
from edge_agent.update.slots import install, rollback, status
from edge_agent.update.state_table import ATTEMPTS, ENDS, ROWS, SWITCHED, TABLE, State
from tests.signing_kit import Workshop, open_workshop


class PowerCut(BaseException):
    """The process is gone: no handler of ours may catch it."""


class YearsLater(SystemClock):
    """When all metadata has expired."""

    def utc_ns(self) -> int:
        return super().utc_ns() + 10 * 365 * 86_400 * 10**9


def full_disk() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


FAULTS: dict[str, Callable[[], BaseException]] = {
    "power cut": PowerCut,
    "disk full": full_disk,
    "i/o error": lambda: OSError(errno.EIO, "Input/output error"),
    "refused": lambda: BundleError("not good", where="test", cure="none"),
    "busy": lambda: StorageError("another install", where="test", cure="wait"),
}


KINDS = [kind for kind in FAULTS if kind != "i/o error"]
"""An I/O error takes the way of a full disk; the matrix has it where failures are tried in bulk."""


@dataclass
class Fault:
    """Raises once (or `times`) in one state, before its action or after it."""

    state: State
    raised: Callable[[], BaseException]
    after: bool = False
    times: int = 1
    begun: list[State] = field(default_factory=list)

    def around(self, state: State, action: Action) -> Action:
        def faulty(journal: Journal) -> Journal | None:
            self.begun.append(state)
            hit = state == self.state and self.times > 0
            if hit and not self.after:
                self.times -= 1
                raise self.raised()
            learned = action(journal)
            if hit:
                self.times -= 1
                raise self.raised()
            return learned

        return faulty


def passes(_: Bundle) -> None:
    """Every parity vector holds."""


def proven(_: Journal) -> bool:
    return True


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return open_workshop(tmp_path_factory.mktemp("workshop"))


@pytest.fixture(scope="module")
def seed(workshop: Workshop) -> tuple[Path, Path]:
    """A station that runs 1.0.0, and the bundle 1.1.0."""
    root = workshop.folder / "seed"
    install(workshop.signed("1.0.0"), root, passes, trust=workshop.public)
    return root, workshop.signed("1.1.0")


@pytest.fixture
def station(seed: tuple[Path, Path], tmp_path: Path) -> Station:
    shutil.copytree(seed[0], tmp_path / "station", symlinks=True)
    return Station(
        tmp_path / "station", passes, SystemClock(), proven, proven, proven, source=seed[1]
    )


def begin(station: Station) -> None:
    assert station.source is not None
    with opened(station) as machine:
        machine.begin(candidate_of(station.source))


def go_on(station: Station, fault: Fault) -> Journal | None:
    with opened(station, fault.around) as machine:
        return machine.run()


def to_the_end(station: Station, fault: Fault) -> Journal:
    """Go on as a service does that is started again; every time the station must be whole."""
    for _ in range(3 * ATTEMPTS):
        try:
            journal = go_on(station, fault)
        except (PowerCut, LinesideError):
            journal = None
        (slot,) = status(station.root)
        assert slot.fault == ""
        assert slot.version in ("1.0.0", "1.1.0")
        if journal is not None and journal.state in ENDS:
            return journal
    raise AssertionError("no end")


def test_the_table_is_sound() -> None:
    assert len(ROWS) == len(TABLE)
    known = {*ROWS, *ENDS}
    assert {row.then for row in TABLE} | {row.otherwise for row in TABLE} <= known
    switched = False
    for row in TABLE:
        switched |= row.state == "switch"
        before = "refused" if row.state == "download" else "quarantine"
        assert row.otherwise == ("roll_back" if switched else before)


def test_an_undisturbed_update_goes_through_every_state(station: Station) -> None:
    begin(station)
    fault = Fault("done", PowerCut)
    journal = to_the_end(station, fault)
    assert journal.state == "done"
    assert fault.begun == [row.state for row in TABLE if row.state != "roll_back"]
    (slot,) = status(station.root)
    assert (slot.version, slot.previous, slot.min_version) == ("1.1.0", "1.0.0", "1.1.0")


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", [*KINDS, pytest.param("i/o error", marks=pytest.mark.faults)])
@pytest.mark.parametrize("state", [row.state for row in TABLE if row.state != "roll_back"])
def test_one_failure_leaves_a_whole_bundle(
    state: State, kind: str, after: bool, station: Station
) -> None:
    begin(station)
    journal = to_the_end(station, Fault(state, FAULTS[kind], after))
    (slot,) = status(station.root)
    if kind == "refused":
        end = "refused" if state == "download" else "quarantine"
        assert (journal.state, slot.version) == (end, "1.0.0")
    else:
        assert (journal.state, slot.version) == ("done", "1.1.0")


def test_what_cannot_be_fetched_may_come_again(station: Station) -> None:
    begin(station)
    fault = Fault("download", FAULTS["disk full"], times=ATTEMPTS)
    assert to_the_end(station, fault).state == "refused"
    begin(station)
    assert to_the_end(station, Fault("download", FAULTS["refused"], times=0)).state == "done"


BEFORE_SWITCH = [row.state for row in TABLE if row.state not in SWITCHED]


@pytest.mark.parametrize("error", [SignatureError, RollbackError])
@pytest.mark.parametrize("state", BEFORE_SWITCH)
def test_what_the_station_does_not_take_by_what_it_trusts_may_come_again(
    state: State, error: type[BundleError], station: Station
) -> None:
    begin(station)
    journal = to_the_end(station, Fault(state, lambda: error("metadata 6 is older than 7")))
    assert (journal.state, journal.reason) == ("refused", "metadata 6 is older than 7")
    assert status(station.root)[0].version == "1.0.0"
    assert not (station.root / "update" / "quarantine.json").exists()
    begin(station)
    assert to_the_end(station, Fault(state, FAULTS["refused"], times=0)).state == "done"


def test_a_switch_that_was_cut_after_it_is_accepted_whatever_is_trusted_since(
    station: Station, workshop: Workshop
) -> None:
    begin(station)
    with pytest.raises(PowerCut):
        go_on(station, Fault("switch", FAULTS["power cut"], after=True))
    later = Station(
        station.root, passes, YearsLater(), proven, proven, proven, source=station.source
    )
    assert to_the_end(later, Fault("switch", FAULTS["refused"], times=0)).state == "done"


def test_a_station_without_a_root_takes_the_candidate_once_it_has_one(
    workshop: Workshop, seed: tuple[Path, Path], tmp_path: Path
) -> None:
    root = tmp_path / "new"
    station = Station(root, passes, SystemClock(), proven, proven, proven, source=seed[1])
    with pytest.raises(StorageError, match="new: no such station folder: check the path"):
        begin(station)
    assert not root.exists()
    root.mkdir()
    with pytest.raises(SignatureError, match="no folder with a root of trust"):
        begin(station)
    assert list(root.iterdir()) == []
    (root / "trust").mkdir()
    begin(station)
    journal = go_on(station, Fault("verify", FAULTS["refused"], times=0))
    assert journal is not None
    assert journal.state == "refused"
    assert "holds no root.json" in journal.reason
    shutil.copy(workshop.public, root / "trust" / "root.json")
    begin(station)
    journal = go_on(station, Fault("verify", FAULTS["refused"], times=0))
    assert journal is not None
    assert journal.state == "done"


@pytest.mark.parametrize("kind", ["power cut", "disk full"])
@pytest.mark.parametrize(
    "state", [row.state for row in TABLE if row.state not in ("download", "roll_back")]
)
def test_three_failures_give_the_candidate_up(state: State, kind: str, station: Station) -> None:
    begin(station)
    fault = Fault(state, FAULTS[kind], times=ATTEMPTS)
    journal = to_the_end(station, fault)
    assert (journal.state, status(station.root)[0].version) == ("quarantine", "1.0.0")
    assert fault.begun.count(state) == ATTEMPTS
    with opened(station) as machine, pytest.raises(BundleError, match="was given up"):
        machine.begin(Journal(candidate=journal.candidate))


@pytest.mark.parametrize("kind", ["power cut", "disk full", "i/o error"])
def test_the_way_back_is_tried_until_it_is_gone(kind: str, station: Station) -> None:
    begin(station)
    refused = Fault("probation", FAULTS["refused"])
    back = Fault("roll_back", FAULTS[kind], times=ATTEMPTS + 1)
    both = Fault("done", PowerCut)
    both.around = lambda state, action: back.around(state, refused.around(state, action))  # type: ignore[method-assign]
    journal = to_the_end(station, both)
    assert (journal.state, status(station.root)[0].version) == ("quarantine", "1.0.0")
    assert "not good" in journal.reason


def test_a_candidate_waits_until_it_is_proven_or_promoted(
    station: Station, seed: tuple[Path, Path]
) -> None:
    waiting = Station(
        station.root, passes, SystemClock(), lambda _: False, proven, proven, source=seed[1]
    )
    begin(waiting)
    for _ in range(2 * ATTEMPTS):
        with opened(waiting) as machine:
            journal = machine.run()
        assert journal is not None
        assert (journal.state, journal.begun) == ("shadow", 0)
    assert status(station.root)[0].version == "1.0.0"
    with opened(waiting) as machine:
        journal = machine.promote()
    assert journal is not None
    assert (journal.state, status(station.root)[0].version) == ("done", "1.1.0")


def test_an_aborted_update_gives_its_candidate_up(
    station: Station, seed: tuple[Path, Path]
) -> None:
    waiting = Station(
        station.root, passes, SystemClock(), proven, proven, lambda _: False, source=seed[1]
    )
    begin(waiting)
    with opened(waiting) as machine:
        assert machine.run().state == "probation"  # type: ignore[union-attr]
        with pytest.raises(BundleError, match="an update is in the state probation: let it end"):
            machine.begin(Journal(candidate="0" * 64))
    assert status(station.root)[0].version == "1.1.0"
    with opened(waiting) as machine:
        assert machine.abort("the line's master said so").state == "quarantine"  # type: ignore[union-attr]
    assert status(station.root)[0].version == "1.0.0"
    with Folder.open(station.root / "update") as folder:
        ((digests, why),) = read_quarantine(folder).candidates()
    assert (why.reason, why.title) == ("the line's master said so", "brightness 1.1.0")
    assert abs(why.at_ns - SystemClock().utc_ns()) < 600 * 10**9
    assert len(digests) == 2, "the file and its manifest"


@pytest.mark.parametrize("which", [0, 1], ids=["file", "manifest"])
def test_a_freed_candidate_is_taken_again_and_no_other(which: int, station: Station) -> None:
    begin(station)
    assert to_the_end(station, Fault("self_test", FAULTS["refused"])).state == "quarantine"
    other = GivenUp(reason="a person", name="lids", at_ns=7)
    with Folder.open(station.root / "update") as folder:
        quarantine = read_quarantine(folder)
        write(folder, QUARANTINE, quarantine.with_one(("0" * 64, "1" * 64), other))
        digest = quarantine.candidates()[0][0][which]
    with opened(station) as machine:
        with pytest.raises(BundleError, match=r"0 candidates in quarantine begin with 'f00'"):
            machine.free("f00")
        with pytest.raises(BundleError, match=r"2 candidates in quarantine begin with ''"):
            machine.free("")
        assert machine.free(digest[:12]).title == "brightness 1.1.0"
    begin(station)
    assert to_the_end(station, Fault("self_test", FAULTS["refused"], times=0)).state == "done"
    with Folder.open(station.root / "update") as folder:
        assert [why for _, why in read_quarantine(folder).candidates()] == [other]


def test_a_quarantine_of_reasons_alone_is_read(station: Station) -> None:
    (station.root / "update").mkdir()
    old = {"given_up": {"0" * 64: "failed", "1" * 64: "failed"}}
    (station.root / "update" / QUARANTINE).write_text(json.dumps(old))
    with Folder.open(station.root / "update") as folder:
        found = read_quarantine(folder).candidates()
    assert found == [((digit * 64,), GivenUp(reason="failed")) for digit in "01"]


def test_a_rollback_does_not_return_to_what_failed_here(station: Station) -> None:
    begin(station)
    assert to_the_end(station, Fault("probation", FAULTS["refused"])).state == "quarantine"
    with pytest.raises(
        BundleError, match=r"given up \(test: not good.*update free [0-9a-f]{12} --root"
    ):
        rollback("brightness", station.root, passes)
    assert status(station.root)[0].version == "1.0.0"
    with Folder.open(station.root / "update") as folder:
        ((digests, _),) = read_quarantine(folder).candidates()
    with opened(station) as machine:
        machine.free(digests[1])
    assert rollback("brightness", station.root, passes).version == "1.1.0"


def test_a_first_bundle_that_fails_leaves_none(
    workshop: Workshop, seed: tuple[Path, Path], tmp_path: Path
) -> None:
    root = tmp_path / "new"
    (root / "trust").mkdir(parents=True)
    shutil.copy(workshop.public, root / "trust" / "root.json")
    station = Station(root, passes, SystemClock(), proven, proven, proven, source=seed[1])
    begin(station)
    with opened(station, Fault("probation", FAULTS["refused"]).around) as machine:
        assert machine.run().state == "quarantine"  # type: ignore[union-attr]
    assert "there is no current bundle" in status(root)[0].fault


def test_a_damaged_journal_is_named(station: Station) -> None:
    begin(station)
    (station.root / "update" / "journal.json").write_text("{")
    with (
        Folder.open(station.root / "update") as folder,
        pytest.raises(StorageError, match=r"journal\.json: is damaged: check the disk"),
    ):
        read_journal(folder)
