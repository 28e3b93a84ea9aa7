"""Bundles on the page: which one judges, which waits, and the switch between the two."""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import BundleError, LinesideError, RollbackError, StorageError
from edge_agent.contracts.core.own_version import is_older
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.bundle import Bundle
from edge_agent.contracts.wire.kinds.state import RuntimeInUse
from edge_agent.update.bundle_update import journal_of, opened
from edge_agent.update.journal import Journal
from edge_agent.update.shadow_tally import ShadowTally, read_tally
from edge_agent.update.slots import SelfTest, SlotStatus, rollback, status
from edge_agent.update.watches import watched_station
from edge_agent.web.access import RefusedError
from edge_agent.web.changes import ChangeLog
from edge_agent.web.in_use import InUse

LOG = logging.getLogger("lineside.web")

WAITS = ("shadow", "canary")
"""States in which a candidate waits for the gate or a person."""
NO_SLOTS = "station.toml names no trust.root: its bundles are files, which this page cannot switch"


def prove_bundle(bundle: Bundle) -> None:
    """Load the model and run its parity vectors on this machine, as every switch of a bundle does.

    Raises BundleError or ParityError.
    """
    from edge_agent.infer.bundle_inspector import load_inspector  # the runtime is heavy
    from edge_agent.infer.trial import Trials

    load_inspector(bundle, trials=Trials()).close()


class SlotRow(Strict):
    """One bundle of the station. other: the version that a switch makes current, or empty."""

    name: str
    version: str
    sha256: str
    other: str
    other_is_newer: bool = Field(description="the switch promotes; else it rolls back")
    min_version: str
    fault: str


class Candidate(Strict):
    """A bundle on its way (`lineside-agent update`). waits: a person may promote it or give it up.

    items: judged beside the current bundle; disagreed, late: those that speak against it.
    """

    name: str
    version: str
    state: str
    reason: str
    waits: bool
    items: int
    disagreed: int
    late: int


class UpdatesView(Strict):
    """Everything of the screen Updates.

    in_use: channel -> the bundle that judges it now; runtimes: channel -> what runs its network.
    """

    root: str
    in_use: dict[str, str]
    runtimes: dict[str, RuntimeInUse]
    slots: list[SlotRow]
    candidate: Candidate | None
    fault: str


class SwitchAsked(Strict):
    """Make the other version of a bundle current. version: what the person saw on the page."""

    name: str = Field(min_length=1, max_length=200)
    version: str = Field(min_length=1, max_length=100)


class CandidateAsked(Strict):
    """What becomes of the candidate. version: what the person saw on the page."""

    promote: bool = Field(description="let it pass; false: give it up")
    version: str = Field(min_length=1, max_length=100)


class Updates:
    """The slots under the station folder `root`; None: the station has none."""

    def __init__(
        self,
        root: Path | None,
        self_test: SelfTest,
        state_dir: Path,
        *,
        clock: Clock,
        in_use: Callable[[], InUse],
        log: ChangeLog,
    ) -> None:
        self._root = root
        self._self_test = self_test
        self._state_dir = state_dir
        self._clock = clock
        self._in_use = in_use
        self._log = log
        self._one = threading.Lock()

    def view(self) -> UpdatesView:
        """What is installed now."""
        in_use = self._in_use()
        slots, fault = [], "" if self._root else NO_SLOTS
        candidate = None
        if self._root:
            try:
                slots = [_row(slot) for slot in status(self._root)]
                candidate = _candidate(journal_of(self._root), self._state_dir)
            except StorageError as error:
                fault = str(error)
        return UpdatesView(
            root=str(self._root or ""),
            in_use=dict(in_use.bundles),
            runtimes=dict(in_use.runtimes),
            slots=slots,
            candidate=candidate,
            fault=fault,
        )

    def decide(self, who: str, asked: CandidateAsked) -> None:
        """Promote the candidate that waits, or give it up; raises RefusedError.

        What follows (switch, probation) takes its time: the view tells how far it is.
        """
        with self._one:
            found = self.view().candidate
            if found is None or not found.waits or self._root is None:
                raise RefusedError(404, "no candidate waits")
            if found.version != asked.version:
                raise RefusedError(409, "the candidate has changed", cure="look at the page again")
            what = "promote candidate" if asked.promote else "give candidate up"
            counts = f"{found.disagreed} of {found.items} items decided otherwise"
            after: dict[str, object] = {"bundle": f"{found.name} {found.version}", "seen": counts}
            self._log.write(who, what, {}, after)
            work = threading.Thread(
                target=self._decided, args=[self._root, who, asked.promote], name="update"
            )
            work.start()

    def _decided(self, root: Path, who: str, promote: bool) -> None:
        station = watched_station(root, self._self_test, self._clock, self._state_dir)
        try:
            with opened(station) as machine:
                if promote:
                    machine.promote()
                else:
                    machine.abort(f"given up by {who}")
                    machine.run()
        except LinesideError as error:
            LOG.error("the update by %s: %s", who, error)  # noqa: TRY400

    def switch(self, who: str, asked: SwitchAsked) -> None:
        """Verify, test and make the other version current; raises RefusedError."""
        with self._one:
            row = next((one for one in self.view().slots if one.name == asked.name), None)
            if row is None or self._root is None:
                raise RefusedError(
                    404, "no such bundle is installed", cure="choose one of the list"
                )
            if row.other != asked.version:
                raise RefusedError(409, "the bundles have changed", cure="look at the page again")
            what = "promote bundle" if row.other_is_newer else "roll back bundle"
            before: dict[str, object] = {"bundle": f"{row.name} {row.version}"}
            after: dict[str, object] = {"bundle": f"{row.name} {row.other}"}
            self._log.write(who, what, before, after)
            try:
                done = rollback(row.name, self._root, self._self_test)
            except (BundleError, RollbackError, StorageError) as error:
                with contextlib.suppress(RefusedError):
                    self._log.write(who, f"{what} refused", after, before)
                cure = "as root: lineside-agent slots rollback"
                raise RefusedError(409, error.what, cure=error.cure or cure) from error
            LOG.warning("%s is current, %s before, by %s", done.version, done.replaced, who)


def _candidate(journal: Journal | None, state_dir: Path) -> Candidate | None:
    """The update that is on its way; None where none is, or the last one has ended well."""
    if journal is None or journal.state == "done":
        return None
    tally = read_tally(state_dir, journal.name) or ShadowTally(manifest="0" * 64)
    seen = tally if tally.manifest in (journal.manifest, journal.slot) else None
    return Candidate(
        name=journal.name,
        version=journal.version,
        state=journal.state,
        reason=journal.reason,
        waits=journal.state in WAITS,
        items=seen.items if seen else 0,
        disagreed=seen.disagreed if seen else 0,
        late=seen.late if seen else 0,
    )


def _row(slot: SlotStatus) -> SlotRow:
    return SlotRow(
        name=slot.name,
        version=slot.version,
        sha256=slot.sha256,
        other=slot.previous if slot.previous != slot.version else "",
        other_is_newer=is_older(slot.version, slot.previous),
        min_version=slot.min_version,
        fault=slot.fault,
    )
