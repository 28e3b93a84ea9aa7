"""The actions of an update of one bundle; each may be begun again after a kill at any point.

ROOT/update/incoming.bundle    the candidate as it was handed over
ROOT/update/journal.json       where the update stands
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import BundleError, StorageError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.bundle import Bundle, SealedBundle, parse_bundle
from edge_agent.update.folder import Folder, refuse_missing
from edge_agent.update.journal import Journal, Quarantine, read_journal, read_quarantine
from edge_agent.update.machine import Action, UpdateMachine
from edge_agent.update.signature import armable, refuse_other_name, released, required
from edge_agent.update.slot_links import CURRENT
from edge_agent.update.slot_store import CANDIDATE, SlotStore
from edge_agent.update.slots import SelfTest, refuse_older
from edge_agent.update.state_table import State
from edge_agent.update.trust_folder import read_trusted, write_trusted
from edge_agent.update.trusted import Trusted

if TYPE_CHECKING:
    from edge_agent.update.metadata import Release

INCOMING = "incoming.bundle"

Around = Callable[[State, Action], Action]
Watch = Callable[[Journal], bool]
"""Whether the candidate has proven itself; False: not yet. Raises BundleError if it fails."""


@dataclass(frozen=True)
class Station:
    """What an update works with.

    source: the file handed over, or its bytes; needed to begin only.
    """

    root: Path
    self_test: SelfTest
    clock: Clock
    shadow: Watch
    promotion: Watch
    probation: Watch
    source: Path | bytes | None = None


def as_it_is(_: State, action: Action) -> Action:
    """An action as the table has it."""
    return action


@contextmanager
def opened(station: Station, around: Around = as_it_is) -> Iterator[UpdateMachine]:
    """The update machine of a station, locked for this process; raises StorageError, SignatureError
    for a folder of no station.

    around: what each action is replaced by.
    """
    with working_folder(station.root, "update") as (root, folder), folder.locked():
        actions = _Actions(station, root, folder)
        table = {state: around(state, one) for state, one in actions.by_state().items()}
        now_ns = station.clock.utc_ns
        yield UpdateMachine(folder, table, forget=actions.forget, now_ns=now_ns)


@contextmanager
def working_folder(root: Path, name: str) -> Iterator[tuple[Folder, Folder]]:
    """The folder of a station and ROOT/NAME, which is made in the folder of a station alone.

    Raises StorageError or SignatureError for another folder: a mistyped path makes none.
    """
    refuse_missing(root)
    with Folder.open(root) as station:
        try:
            folder = station.subfolder(name, create=(root / "trust").is_dir())
        except FileNotFoundError:
            required(None, root / "trust")
            raise
        with folder:
            yield station, folder


def journal_of(root: Path) -> Journal | None:
    """How far the station's update is; None where none was begun. Raises StorageError."""
    refuse_missing(root)
    try:
        with (
            Folder.open(root, guarded=False) as station,
            station.subfolder("update") as folder,
        ):
            return read_journal(folder)
    except FileNotFoundError:
        return None


def quarantine_of(root: Path, folder: str = "update") -> Quarantine:
    """The candidates that ROOT/FOLDER has given up; raises StorageError."""
    refuse_missing(root)
    try:
        with Folder.open(root, guarded=False) as station, station.subfolder(folder) as found:
            return read_quarantine(found)
    except FileNotFoundError:
        return Quarantine()


def candidate_of(source: Path | bytes) -> Journal:
    """The journal with which an update of the bundle file `source`, or of its bytes, begins."""
    return Journal(candidate=sha256_hex(_content(source)))


class _Actions:
    """One method a state."""

    def __init__(self, station: Station, root: Folder, folder: Folder) -> None:
        self._station = station
        self._root = root
        self._folder = folder

    def by_state(self) -> Mapping[State, Action]:
        """The table's states that do something."""
        return {
            "download": self._download,
            "verify": self._verify,
            "stage": self._stage,
            "self_test": self._self_test,
            "shadow": self._shadow,
            "canary": lambda journal: self._when(self._station.promotion, journal),
            "switch": self._switch,
            "probation": lambda journal: self._when(self._station.probation, journal),
            "commit": self._commit,
            "roll_back": self._roll_back,
        }

    def _download(self, journal: Journal) -> Journal:
        if self._incoming(journal) is None:
            if self._station.source is None:
                raise StorageError(
                    "the candidate was not copied before the update was cut short",
                    where=str(self._folder.path / INCOMING),
                    cure="hand it over again: `lineside-agent update start BUNDLE`",
                )
            # What was encrypted on its way is so no longer: root alone reads it here.
            self._folder.write(INCOMING, _content(self._station.source), mode=0o600)
        return journal

    def _verify(self, journal: Journal) -> Journal:
        bundle, _ = self._released(journal)
        refuse_older(bundle, self._station.root)
        return journal.model_copy(
            update={
                "name": bundle.manifest.spec.name,
                "version": bundle.manifest.version,
                "manifest": sha256_hex(bundle.manifest_bytes),
            }
        )

    def _stage(self, journal: Journal) -> Journal:
        bundle, _ = self._released(journal)
        with self._store(journal, create=True) as store:
            slot = store.put(bundle, lambda: self._payload(journal))
            return journal.model_copy(update={"slot": slot, "before": store.linked(CURRENT)})

    def _self_test(self, journal: Journal) -> Journal:
        self._station.self_test(self._staged(journal))
        return journal

    def _shadow(self, journal: Journal) -> Journal | None:
        """The link `candidate` lies there while the candidate judges beside the current bundle."""
        with self._store(journal) as store:
            if journal.shadow is not None and store.linked(CANDIDATE) != journal.slot:
                store.folder.switch_link(CANDIDATE, f"slots/{journal.slot}")
        return self._when(self._station.shadow, journal)

    def forget(self, journal: Journal) -> None:
        """A candidate that was given up judges no longer beside the current bundle."""
        if journal.slot is not None:
            with self._store(journal) as store:
                store.folder.remove(CANDIDATE)

    def _when(self, watch: Watch, journal: Journal) -> Journal | None:
        return journal if journal.promoted or watch(journal) else None

    def _switch(self, journal: Journal) -> Journal:
        if self._is_switched(journal):
            return journal.model_copy(update={"promoted": False})
        before = self._trusted()  # what the release is judged by: another install may come between
        bundle, release = self._released(journal)
        refuse_older(bundle, self._station.root)
        digest = sha256_hex(bundle.manifest_bytes)
        trusted = release.trusted.with_installed(digest, journal.name, release.line)
        with self._store(journal) as store:
            write_trusted(self._root, before, trusted)
            store.folder.remove(CANDIDATE)
            store.switch(journal.slot or bundle.sha256)
        return journal.model_copy(update={"promoted": False})

    def _is_switched(self, journal: Journal) -> bool:
        """Whether the switch was begun before and cut after it: then it is accepted already."""
        if journal.slot is None:
            return False
        with self._store(journal) as store:
            is_switched = store.linked(CURRENT) == journal.slot != journal.before
            if is_switched:
                store.raise_min_version()
        return is_switched

    def _commit(self, journal: Journal) -> Journal:
        with self._store(journal) as store:
            store.clear()
        self._folder.remove(INCOMING)
        return journal

    def _roll_back(self, journal: Journal) -> Journal:
        with self._store(journal) as store:
            if journal.before is None:
                # Nothing ran before: a station without a bundle is disarmed, and says so.
                store.folder.remove(CURRENT)
            elif store.linked(CURRENT) != journal.before:
                # What ran until a minute ago may run on, withdrawn meanwhile or not: a station
                # stops by a person's word, never because a candidate was bad.
                armable(required_bundle(store, journal.before), self._trusted(), self._trust)
                store.switch_back(journal.before)
        self._folder.remove(INCOMING)
        return journal

    def _released(self, journal: Journal) -> tuple[Bundle, Release]:
        """The candidate and its release, checked anew: the disk may have changed since."""
        now_ns = self._station.clock.utc_ns()
        found: list[Release] = []

        def check(sealed: SealedBundle) -> None:
            found.append(released(sealed, self._trusted(), self._trust, now_ns))

        path = str(self._folder.path / INCOMING)
        bundle = parse_bundle(self._payload(journal), path, check)
        refuse_other_name(bundle.manifest, found[-1], bundle.source)
        return bundle, found[-1]

    def _payload(self, journal: Journal) -> bytes:
        payload = self._incoming(journal)
        if payload is None:
            raise BundleError(
                "the candidate is damaged on this disk",
                where=str(self._folder.path / INCOMING),
                cure="check the disk; hand it over again",
            )
        return payload

    def _incoming(self, journal: Journal) -> bytes | None:
        payload = self._folder.read(INCOMING)
        whole = payload is not None and sha256_hex(payload) == journal.candidate
        return payload if whole else None

    def _staged(self, journal: Journal) -> Bundle:
        with self._store(journal) as store:
            return required_bundle(store, journal.slot)

    @property
    def _trust(self) -> Path:
        return self._station.root / "trust"

    def _trusted(self) -> Trusted | None:
        try:
            with self._root.subfolder("trust") as trust:
                return required(read_trusted(trust), self._trust)
        except FileNotFoundError:
            return None

    @contextmanager
    def _store(self, journal: Journal, *, create: bool = False) -> Iterator[SlotStore]:
        with (
            self._root.subfolder("bundles", create=create) as bundles,
            SlotStore(bundles, journal.name, create=create) as store,
            store.folder.locked(),
        ):
            yield store


def required_bundle(store: SlotStore, slot: str | None) -> Bundle:
    """The bundle of a slot; raises BundleError where it is gone or damaged."""
    bundle = store.bundle(slot)
    if bundle is None:
        raise BundleError(
            "the slot is empty", where=str(store.folder.path), cure="push the bundle again"
        )
    return bundle


def _content(source: Path | bytes) -> bytes:
    if isinstance(source, bytes):
        return source
    with contextlib.suppress(OSError):
        return source.read_bytes()
    raise StorageError("cannot be read", where=str(source), cure="check the path")
