"""A release that another updater hands over goes through every state of the update machine.

The other updater is trusted with nothing: its file is taken when the metadata in it leads to the
root that the station trusts, and not otherwise. What it can do is what a person at the station
can: begin an update, let it be committed, give it back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from edge_agent.contracts.core.errors import BundleError, StorageError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.bundle import archive_of, parse_bundle, read_bundle
from edge_agent.contracts.model.release_archive import ARCHIVE
from edge_agent.update.bundle_update import Station, journal_of, opened
from edge_agent.update.fetch import fetch_release
from edge_agent.update.folder import Folder
from edge_agent.update.journal import Journal
from edge_agent.update.machine import Action, UpdateMachine
from edge_agent.update.release_archive import opened_archive
from edge_agent.update.signature import released, required
from edge_agent.update.slot_links import CURRENT
from edge_agent.update.slot_store import SlotStore
from edge_agent.update.slots import rollback
from edge_agent.update.state_table import ENDS, State
from edge_agent.update.station_key import readable
from edge_agent.update.trust_folder import read_trust_folder

LOG = logging.getLogger("lineside.update")

MOST_TRIES = 90
"""Of what may pass: a full disk, another install at work, a way back that does not work yet.
Together with RETRY_S longer than the probation of an update that another program carries out."""
RETRY_S = 2.0
GIVEN_BACK = "given back: "
"""Begins the reason of what the other updater gave back: no verdict about the candidate."""
HOLD: State = "commit"
"""What has passed its probation waits here for the other updater's word."""

StepTold = Callable[[State], None]


def signed_release(payload: Path, root: Path, now_ns: int) -> bytes:
    """The signed bundle in a file that came: a `.bundle`, or the `.release` of a folder.

    Metadata is checked first; a stranger's file is not read further. Raises BundleError or
    StorageError.
    """
    trust = root / "trust"
    trusted = required(read_trust_folder(trust), trust)
    named = ARCHIVE.fullmatch(payload.name)
    if named is None:
        bundle = read_bundle(payload, lambda sealed: released(sealed, trusted, trust, now_ns))
        return archive_of(bundle)
    with opened_archive(payload) as read:
        return fetch_release(
            read,
            named[1],
            trusted,
            now_ns=now_ns,
            where=str(payload),
            version=named[2],
            decrypt=partial(readable, root),
        )


class HandOver:
    """One update that another updater began; `by` names the updater and its update, and is kept in
    the journal.

    probation_s: watched for this long after the switch. step: is told of each state that begins.
    """

    def __init__(
        self,
        station: Station,
        by: str,
        *,
        probation_s: float,
        step: StepTold = lambda _: None,
        retry_s: float = RETRY_S,
    ) -> None:
        self._station = station
        self._by = by
        self._probation_s = probation_s
        self._step = step
        self._retry_s = retry_s

    def bring(self, payload: Path, *, waits: bool = True) -> Journal:
        """Let the release in `payload` become current and prove itself; it waits at `commit` then.

        waits: False commits it in the same run, for an updater that has no later word. May be
        called again after a kill at any point. Raises BundleError where it was refused or gave up,
        StorageError for what lasts.
        """
        source = signed_release(payload, self._station.root, self._station.clock.utc_ns())
        candidate = Journal(
            candidate=sha256_hex(source),
            manifest=sha256_hex(parse_bundle(source, str(payload)).manifest_bytes),
            probation_s=self._probation_s,
            source=self._by,
        )
        station = replace(self._station, source=source)
        if not waits:
            self._take_up(candidate)
        journal = self._run(station, candidate, holds=waits)
        if journal.state in ("quarantine", "refused"):
            raise BundleError(journal.reason, where=f"{journal.name} {journal.version}".strip())
        return journal

    def _take_up(self, candidate: Journal) -> None:
        """End what an earlier call of the same updater left at work when it was killed; where it
        was the same candidate, go on with it. An updater of this kind calls one at a time."""
        left = journal_of(self._station.root)
        kind = self._by.partition(" ")[0] + " "
        if left is None or left.state in ENDS or not left.source.startswith(kind):
            return
        if left.candidate == candidate.candidate:
            self._by = left.source
            return
        LOG.warning("%s %s was cut short at %s", left.name, left.version, left.state)
        earlier = HandOver(
            self._station, left.source, probation_s=left.probation_s, retry_s=self._retry_s
        )
        if left.state == HOLD:  # it has proven itself
            earlier.commit()
        else:
            earlier.give_back("the next release came")

    def commit(self) -> Journal:
        """Make it permanent; a second time changes nothing. Raises BundleError for one that came
        back meanwhile."""
        journal = self._own()
        state = "none" if journal is None else journal.state
        if journal is None or state not in (HOLD, "done"):
            reason = "" if journal is None else f": {journal.reason}"
            raise BundleError(
                f"there is nothing to commit (its update is in the state {state}{reason})",
                where=str(self._station.root / "update"),
                cure="see `lineside-agent update status`; install it again",
            )
        return self._run(self._station, None, holds=False)

    def give_back(self, reason: str) -> Journal | None:
        """What was current before is so again; without an update of this name nothing happens.

        The candidate does not stay in quarantine for it: the other updater's word is no verdict
        about it. One that failed here stays there. Raises StorageError where the way back must be
        tried again.
        """
        journal = self._own()
        if journal is None:
            return None
        if journal.state == "done":
            return self._return_from(journal)
        after = self._run(self._station, None, holds=False, back=GIVEN_BACK + reason)
        return self._return_from(after) if after.state == "done" else after

    def _own(self) -> Journal | None:
        journal = journal_of(self._station.root)
        return journal if journal is not None and journal.source == self._by else None

    def _run(
        self, station: Station, candidate: Journal | None, *, holds: bool, back: str = ""
    ) -> Journal:
        """Run the machine until it ends or waits at HOLD; candidate: begins, if it has not; back:
        why it is given back."""
        fault: StorageError | None = None
        for turn in range(MOST_TRIES):
            if turn:
                station.clock.sleep_s(self._retry_s)
            try:
                with opened(station, partial(self._around, holds)) as machine:
                    self._begin(machine, candidate)
                    journal = self._ended_back(machine, back) if back else machine.run()
            except StorageError as error:
                fault = error
                continue
            candidate = None
            if back and journal is not None and journal.source != self._by:
                return journal
            if journal is not None and (journal.state in ENDS or (holds and journal.state == HOLD)):
                return journal
            what = "no journal" if journal is None else f"{journal.state}: {journal.reason}"
            fault = StorageError(
                what, where=str(station.root / "update"), cure="`lineside-agent update resume`"
            )
        raise fault or StorageError("was not begun", where=str(station.root / "update"))

    def _ended_back(self, machine: UpdateMachine, reason: str) -> Journal | None:
        """Under the lock: another program may have ended the update, or begun another one."""
        own = self._own()
        if own is None:
            return journal_of(self._station.root)
        if own.state not in (*ENDS, "roll_back"):
            machine.abort(reason)
        after = machine.run()
        if after is not None and after.state in ENDS and after.reason.startswith(GIVEN_BACK):
            machine.pardon(after)
        return after

    def _begin(self, machine: UpdateMachine, candidate: Journal | None) -> None:
        """Raises StorageError while another update is at work: that passes."""
        journal = journal_of(self._station.root)
        if candidate is None or (
            journal is not None
            and (journal.source, journal.candidate) == (self._by, candidate.candidate)
        ):
            return
        if journal is not None and journal.state not in ENDS:
            raise StorageError(
                f"another update is in the state {journal.state}",
                where=str(self._station.root / "update"),
                cure="let it end: `lineside-agent update resume`, or `update abort`",
            )
        machine.refuse_given_up(candidate.manifest or candidate.candidate)
        machine.begin(candidate)

    def _around(self, holds: bool, state: State, action: Action) -> Action:
        def begun(journal: Journal) -> Journal | None:
            if holds and state == HOLD:
                return None
            self._step(state)
            return action(journal)

        return begun

    def _return_from(self, journal: Journal) -> Journal:
        """It was committed already (by `update resume`): go back by the slots' own way."""
        with (
            Folder.open(self._station.root) as root,
            root.subfolder("bundles") as bundles,
            SlotStore(bundles, journal.name) as store,
        ):
            is_current = store.linked(CURRENT) == journal.slot
        if is_current and journal.before not in (None, journal.slot):
            rollback(journal.name, self._station.root, self._station.self_test)
        return journal
