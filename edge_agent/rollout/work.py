"""Carrying out what a rollout desires, by the station's own update machine and slots.

Every call may be repeated after a kill or a power cut at any point: what was done is found done.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from edge_agent.contracts.core.errors import BundleError, LinesideError, StorageError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.bundle import parse_bundle
from edge_agent.contracts.wire.kinds.desired import DesiredState
from edge_agent.rollout.taken import Ended, Taken, read_taken, write_taken
from edge_agent.update.bundle_update import Station, journal_of, opened
from edge_agent.update.fetch import Read, fetch_release
from edge_agent.update.folder import Folder
from edge_agent.update.journal import Journal
from edge_agent.update.machine import Action
from edge_agent.update.signature import required
from edge_agent.update.slot_store import SlotStore
from edge_agent.update.slots import rollback
from edge_agent.update.state_table import ENDS, State
from edge_agent.update.station_key import readable
from edge_agent.update.trust_folder import read_trust_folder

MOST_TRIES = 20
"""Of what may pass, such as a server out of reach; then it has failed."""
OVERTAKEN = "another desired state came"


@dataclass(frozen=True)
class Source:
    """Where releases come from: how to read them, and how to call the place."""

    read: Read
    where: str


class Work:
    """Works on one desired state after the other; step: is told of each state that is begun."""

    def __init__(
        self, station: Station, source: Source, step: Callable[[str], None] = lambda _: None
    ) -> None:
        self._station = station
        self._source = source
        self._step = step

    def go_on(self, taken: Taken) -> Taken:
        """As far as it goes now; `ended` stays empty where it must be tried again later."""
        act = self._install if taken.state.action == "install" else self._go_back
        try:
            return act(taken)
        except BundleError as error:
            return self._failed(self._begun(taken), str(error))
        except (LinesideError, OSError) as error:
            again = self._begun(taken).model_copy(update={"tries": taken.tries + 1})
            if again.tries >= MOST_TRIES:
                return self._failed(again, str(error))
            return _end(again, "", str(error))

    def give_up(self, taken: Taken, reason: str = OVERTAKEN) -> bool:
        """End the update of `taken` where one is at work: the bundle of before is back.

        Whether it has ended; False where the way back must be tried again. The candidate may come
        again, unless it failed here before: that another one came is no verdict about it.
        """
        journal = journal_of(self._station.root)
        if journal is None or journal.candidate != taken.candidate or journal.state in ENDS:
            return True
        with opened(self._station) as machine:
            after = machine.abort(reason)
            if after is not None and after.state in ENDS and after.reason == reason:
                machine.pardon(after)
        return after is None or after.state in ENDS

    def _begun(self, taken: Taken) -> Taken:
        """`taken` with the candidate of a try that failed, which the disk alone knows."""
        with contextlib.suppress(StorageError):
            kept = read_taken(self._station.root)
            if kept is not None and kept.digest == taken.digest:
                return taken.model_copy(update={"candidate": kept.candidate})
        return taken

    def _failed(self, taken: Taken, reason: str) -> Taken:
        """It has failed, once nothing of it is at work."""
        try:
            has_ended = self.give_up(taken, reason)
        except (LinesideError, OSError):
            has_ended = False
        return _end(taken, "failed" if has_ended else "", reason)

    def _install(self, taken: Taken) -> Taken:
        root = self._station.root
        journal = journal_of(root)
        if journal is not None and journal.state not in ENDS:
            if journal.candidate != taken.candidate:
                raise StorageError(
                    "another update is at work",
                    where=str(root / "update"),
                    cure="let it end: `lineside-agent update resume`, or `update abort`",
                )
            if journal.state == "download":  # what was fetched is gone with the last start
                return self._fetch_and_run(taken, is_begun=True)
            with opened(self._station, self._told) as machine:
                return _after(taken, machine.run())
        if current(root, taken.state.name)[1] == taken.state.manifest_sha256:
            return _end(taken, "done", "")
        # Also where an update of this candidate ended: it may be the one of an earlier rollout.
        return self._fetch_and_run(taken, is_begun=False)

    def _fetch_and_run(self, taken: Taken, *, is_begun: bool) -> Taken:
        self._step("fetch")
        payload = self._fetched(taken.state)
        digest = sha256_hex(payload)
        if is_begun and digest != taken.candidate:  # it was signed again meanwhile
            self.give_up(taken)
            is_begun = False
        taken = taken.model_copy(update={"candidate": digest, "reason": ""})
        write_taken(self._station.root, taken)
        with opened(replace(self._station, source=payload), self._told) as machine:
            machine.refuse_given_up(taken.state.manifest_sha256)
            if not is_begun:
                machine.begin(Journal(candidate=digest, probation_s=taken.state.probation_s))
            return _after(taken, machine.run())

    def _fetched(self, state: DesiredState) -> bytes:
        """The bundle of the desired state; raises BundleError where another has its version."""
        trust = self._station.root / "trust"
        payload = fetch_release(
            self._source.read,
            state.name,
            required(read_trust_folder(trust), trust),
            now_ns=self._station.clock.utc_ns(),
            where=self._source.where,
            version=state.version,
            decrypt=partial(readable, self._station.root),
        )
        bundle = parse_bundle(payload, self._source.where)
        if sha256_hex(bundle.manifest_bytes) != state.manifest_sha256:
            raise BundleError(
                f"holds another {state.name} {state.version} than the rollout's",
                where=self._source.where,
                cure="copy the folder of releases there that the rollout was started with",
            )
        return payload

    def _go_back(self, taken: Taken) -> Taken:
        state = taken.state
        had_it = taken.had == state.manifest_sha256
        if not had_it and current(self._station.root, state.name)[1] == state.manifest_sha256:
            self._step("roll_back")
            rollback(state.name, self._station.root, self._station.self_test)
        return _end(taken, "returned", "")

    def _told(self, state: State, action: Action) -> Action:
        def told(journal: Journal) -> Journal | None:
            self._step(state)
            return action(journal)

        return told


def current(root: Path, name: str) -> tuple[str, str]:
    """Version and manifest's sha256 of the current bundle `name`; empty where there is none."""
    try:
        with (
            Folder.open(root, guarded=False) as station,
            station.subfolder("bundles") as bundles,
            SlotStore(bundles, name) as store,
        ):
            bundle = store.current()
    except FileNotFoundError:
        return "", ""
    if bundle is None:
        return "", ""
    return bundle.manifest.version, sha256_hex(bundle.manifest_bytes)


def _after(taken: Taken, journal: Journal | None) -> Taken:
    """What an update that ended, or waits, says of the desired state."""
    if journal is None or journal.state not in ENDS:
        reason = "" if journal is None else f"{journal.state}: {journal.reason}"
        return taken.model_copy(update={"reason": reason[:400]})
    return _end(taken, "done" if journal.state == "done" else "failed", journal.reason)


def _end(taken: Taken, ended: Ended, reason: str) -> Taken:
    return taken.model_copy(update={"ended": ended, "reason": reason[:400]})
