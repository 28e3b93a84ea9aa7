"""The actions of an update of the agent itself; each may be begun again after a kill at any point.

    ROOT/agent/journal.json               where the update stands, by the table of every update
    ROOT/agent/incoming.wheels            the list of the candidate's wheels
    ROOT/agent/incoming.signature.json    the metadata that lead to it

An agent has no shadow: two of them cannot share cameras and outputs. In the place of a canary it
waits for a station that is armed, for one that is not could prove nothing.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import (
    BundleError,
    LinesideError,
    SignatureError,
    StorageError,
)
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.manifest import parse_json
from edge_agent.contracts.model.signature import Signature
from edge_agent.contracts.model.wheel_set import AGENT_LINE, Wheel, WheelSet, wheel_set_path
from edge_agent.update.agent_environment import refuse_other_machine
from edge_agent.update.agent_slots import WHEELS, AgentSlots
from edge_agent.update.agent_watches import refuse_other_agent
from edge_agent.update.bundle_update import Around, Watch, as_it_is, working_folder
from edge_agent.update.fetch import Fetched, Read, Wanted, fetch_target
from edge_agent.update.folder import Folder, refuse_missing
from edge_agent.update.journal import (
    QUARANTINE,
    GivenUp,
    Journal,
    read_journal,
    read_quarantine,
    write,
)
from edge_agent.update.machine import UpdateMachine
from edge_agent.update.signature import refuse_withdrawn, required
from edge_agent.update.slot_links import PREVIOUS
from edge_agent.update.state_table import State
from edge_agent.update.state_word import forget_agent
from edge_agent.update.trial import AGENT, TRIAL, Trial, read_record, read_trial
from edge_agent.update.trust_folder import read_trusted, write_trusted

if TYPE_CHECKING:
    from edge_agent.update.machine import Action
    from edge_agent.update.metadata import Release
    from edge_agent.update.trusted import Trusted

INCOMING, SIGNATURE = "incoming.wheels", "incoming.signature.json"
VERB = "self-update"

Build = Callable[[Path, Path, WheelSet], None]
"""Fills the empty folder of a slot from a folder of wheels, durably; raises BundleError or
StorageError."""
Try = Callable[[Path, WheelSet], None]
"""Starts the agent of a slot once; raises BundleError."""


@dataclass(frozen=True)
class AgentStation:
    """What an update of the agent works with.

    source: reads a folder of releases by its address and its CA. armed: whether the station works,
    and a person need not promote the candidate. proven: what the launcher says of its trial.
    restart: ends the running agent, which its launcher then chooses anew.
    """

    root: Path
    state_dir: Path
    clock: Clock
    source: Callable[[str, str], Read]
    build: Build
    try_it: Try
    armed: Watch
    proven: Watch
    restart: Callable[[], None]


@contextmanager
def opened_agent(station: AgentStation, around: Around = as_it_is) -> Iterator[UpdateMachine]:
    """The update machine of a station's agent, locked for this process; raises StorageError,
    SignatureError for a folder of no station."""
    with working_folder(station.root, AGENT) as (root, folder), folder.locked():
        actions = _Actions(station, root, folder)
        table = {state: around(state, one) for state, one in actions.by_state().items()}
        yield UpdateMachine(folder, table, actions.forget, VERB, station.clock.utc_ns)


def agent_journal(root: Path) -> Journal | None:
    """How far the update of the agent is; None where none was begun. Raises StorageError."""
    refuse_missing(root)
    try:
        with Folder.open(root, guarded=False) as station, station.subfolder(AGENT) as folder:
            return read_journal(folder)
    except FileNotFoundError:
        return None


def return_to_previous(station: AgentStation) -> str:
    """Let the previous agent run again by a person's word; its version.

    The one that runs is given up, so that no timer brings it back. Raises BundleError where there
    is none, where it was withdrawn, or an update is at work.
    """
    with opened_agent(station) as machine, Folder.open(station.root / AGENT) as folder:
        slots, now = AgentSlots(folder), AgentSlots(folder).linked()
        previous = slots.linked(PREVIOUS)
        wheels = slots.wheel_set(previous)
        if previous is None or wheels is None or previous == now:
            raise BundleError(
                "there is no previous agent",
                where=str(folder.path),
                cure=f"release one, and `lineside-agent {VERB} start`",
            )
        machine.refuse_given_up(previous)
        machine.refuse_at_work()
        with Folder.open(station.root) as root:
            refuse_withdrawn(previous, _trusted(station, root), str(slots.path(previous)))
        ran = slots.wheel_set(now)
        why = GivenUp(
            reason="a person went back",
            name="" if ran is None else ran.name,
            version="" if ran is None else ran.version,
            at_ns=station.clock.utc_ns(),
        )
        given_up = read_quarantine(folder).with_one((now,), why)
        write(folder, QUARANTINE, given_up)
        slots.switch(previous)
    _restart(station)
    return wheels.version


def newest_agent(station: AgentStation, name: str, source: str, ca: str = "") -> Journal:
    """The journal with which an update to the newest wheel set `name` begins.

    Raises what fetch_target raises: nothing but metadata and the list was read.
    """
    with Folder.open(station.root, guarded=False) as root:
        found = _fetch(station, root, Journal(candidate="0" * 64, name=name, source=source, ca=ca))
    wheels = _parse(found.payload, source)
    digest = sha256_hex(found.payload)
    return Journal(candidate=digest, name=name, version=wheels.version, source=source, ca=ca)


class _Actions:
    """One method a state."""

    def __init__(self, station: AgentStation, root: Folder, folder: Folder) -> None:
        self._station = station
        self._root = root
        self._folder = folder
        self._slots = AgentSlots(folder)

    def by_state(self) -> Mapping[State, Action]:
        """The table's states that do something."""
        return {
            "download": self._download,
            "verify": self._verify,
            "stage": self._stage,
            "self_test": self._self_test,
            "shadow": lambda journal: journal,
            "canary": self._canary,
            "switch": self._switch,
            "probation": self._probation,
            "commit": self._commit,
            "roll_back": self._roll_back,
        }

    def _download(self, journal: Journal) -> Journal:
        if self._incoming(journal) is None:
            found = _fetch(self._station, self._root, journal)
            if sha256_hex(found.payload) != journal.candidate:
                raise StorageError(
                    "another agent has been released meanwhile",
                    where=journal.source,
                    cure=f"`lineside-agent {VERB} abort`, then `start` again",
                )
            self._folder.write(SIGNATURE, found.signature.model_dump_json().encode())
            self._folder.write(INCOMING, found.payload)
        read = self._station.source(journal.source, journal.ca)
        with self._folder.subfolder(WHEELS, create=True) as stored:
            for wheel in self._wheels(journal).wheels:
                self._fetch_wheel(wheel, read, stored, journal.source)
        return journal

    def _fetch_wheel(self, wheel: Wheel, read: Read, stored: Folder, source: str) -> None:
        """Store a wheel, where the set before did not leave it here."""
        if _is_whole(wheel, stored.read(wheel.file)):
            return
        payload = read(wheel.place, wheel.bytes)
        if payload is None or not _is_whole(wheel, payload):
            raise StorageError(
                "is missing, or not what was released",
                where=f"{source}/{wheel.place}",
                cure="copy the folder of releases again, whole",
            )
        stored.write(wheel.file, payload)

    def _verify(self, journal: Journal) -> Journal:
        wheels, digest = self._wheels(journal), journal.candidate
        self._released(journal)
        refuse_other_machine(wheels)
        self._slots.refuse_older(wheels, digest)
        with self._folder.subfolder(WHEELS) as stored:
            for wheel in wheels.wheels:
                if not _is_whole(wheel, stored.read(wheel.file)):
                    raise BundleError(
                        "is damaged on this disk",
                        where=str(stored.path / wheel.file),
                        cure="check the disk; update again",
                    )
        return journal.model_copy(update={"version": wheels.version, "manifest": digest})

    def _stage(self, journal: Journal) -> Journal:
        slot = journal.candidate
        if self._slots.wheel_set(slot) is None:
            wheels = self._wheels(journal)
            try:
                self._station.build(self._slots.clean(slot), self._folder.path / WHEELS, wheels)
            except (LinesideError, OSError):
                self._slots.remove(slot)  # what is half built fills a disk that may be full
                raise
            self._slots.finish(slot, self._folder.read(INCOMING) or b"")
        before = self._slots.linked()
        return journal.model_copy(update={"slot": slot, "before": before})

    def _self_test(self, journal: Journal) -> Journal:
        self._station.try_it(self._slots.path(self._slot(journal)), self._wheels(journal))
        return journal

    def _canary(self, journal: Journal) -> Journal | None:
        return journal if journal.promoted or self._station.armed(journal) else None

    def _switch(self, journal: Journal) -> Journal:
        """What is trusted is durable first, then the trial, then the link that makes it count."""
        before, slot = self._trusted(), self._slot(journal)
        if self._slots.linked() == slot != journal.before:  # cut after it: accepted already
            return journal.model_copy(update={"promoted": False})
        release = self._released(journal)
        self._slots.refuse_older(self._wheels(journal), slot)
        trusted = release.trusted.with_installed(journal.candidate, journal.name, release.line)
        write_trusted(self._root, before, trusted)
        trial = read_trial(self._folder)
        if trial is None or trial.slot != slot:
            trial = Trial(trial=secrets.token_hex(8), slot=slot, before=journal.before)
            self._folder.write(TRIAL, trial.model_dump_json().encode())
        self._slots.switch(slot)
        return journal.model_copy(update={"promoted": False})

    def _probation(self, journal: Journal) -> Journal | None:
        if not journal.promoted and not self._station.proven(journal):
            return None
        refuse_other_agent(self._station.state_dir, journal)
        return journal

    def _commit(self, journal: Journal) -> Journal:
        self._folder.remove(TRIAL)
        self._slots.commit(self._wheels(journal), self._slot(journal), (journal.before,))
        for name in (SIGNATURE, INCOMING):
            self._folder.remove(name)
        return journal

    def _roll_back(self, journal: Journal) -> Journal:
        """The trial goes last: until then a kill leaves what tells whom to restart."""
        trial = read_trial(self._folder)
        self._slots.switch_back(journal.before)
        record = read_record(self._station.state_dir)
        runs = trial is not None and record is not None and record.trial == trial.trial
        if runs and record is not None and record.verdict != "failed" and record.starts:
            _restart(self._station)
        for name in (TRIAL, SIGNATURE, INCOMING):
            self._folder.remove(name)
        return journal

    def forget(self, journal: Journal) -> None:
        """Nothing stays of a candidate that was given up: a card holds few agents."""
        for name in (SIGNATURE, INCOMING):
            self._folder.remove(name)
        trial = read_trial(self._folder)
        self._slots.forget(journal.candidate, (None if trial is None else trial.before,))

    def _released(self, journal: Journal) -> Release:
        """The release of the candidate, checked anew; raises SignatureError or RollbackError."""
        from edge_agent.update.metadata import find_release

        where = f"{journal.name} {journal.version}".strip()
        text = self._folder.read(SIGNATURE) or b""
        signature = parse_json(Signature, text, str(self._folder.path / SIGNATURE))
        now_ns = self._station.clock.utc_ns()
        digest = journal.candidate
        found = find_release(signature, digest, self._trusted(), now_ns=now_ns, where=where)
        refuse_withdrawn(digest, found.trusted, where)
        wheels = self._wheels(journal)
        if found.line != AGENT_LINE or found.path != wheel_set_path(wheels.name, wheels.version):
            raise SignatureError(
                f"released as {found.path}, its list says {wheels.name} {wheels.version}",
                where=where,
                cure=f"only the product line {AGENT_LINE!r} releases agents",
            )
        return found

    def _wheels(self, journal: Journal) -> WheelSet:
        text = self._incoming(journal)
        if text is None:
            found = self._slots.wheel_set(journal.slot)
            if found is not None:
                return found
            raise BundleError(
                "the list of wheels is damaged on this disk",
                where=str(self._folder.path / INCOMING),
                cure="check the disk; update again",
            )
        return _parse(text, str(self._folder.path / INCOMING))

    def _incoming(self, journal: Journal) -> bytes | None:
        text = self._folder.read(INCOMING)
        whole = text is not None and sha256_hex(text) == journal.candidate
        return text if whole else None

    def _slot(self, journal: Journal) -> str:
        slot = journal.slot
        if slot is None or self._slots.wheel_set(slot) is None:
            raise BundleError(
                "the slot of the new agent is not whole",
                where=str(self._folder.path),
                cure="check the disk; update again",
            )
        return slot

    def _trusted(self) -> Trusted:
        return _trusted(self._station, self._root)


def _restart(station: AgentStation) -> None:
    """The agent of before, or its launcher, may be one that knows nothing of running.json."""
    forget_agent(station.state_dir)
    station.restart()


def _fetch(station: AgentStation, root: Folder, journal: Journal) -> Fetched:
    return fetch_target(
        station.source(journal.source, journal.ca),
        Wanted(journal.name, journal.version, "wheels", AGENT_LINE),
        _trusted(station, root),
        now_ns=station.clock.utc_ns(),
        where=journal.source,
    )


def _trusted(station: AgentStation, root: Folder) -> Trusted:
    trust = station.root / "trust"
    try:
        with root.subfolder("trust") as folder:
            return required(read_trusted(folder), trust)
    except FileNotFoundError:
        return required(None, trust)


def _parse(text: bytes, where: str) -> WheelSet:
    return parse_json(WheelSet, text, where)


def _is_whole(wheel: Wheel, payload: bytes | None) -> bool:
    return payload is not None and sha256_hex(payload) == wheel.sha256
