"""Bundles on the page: which one judges, which waits, and the switch between the two."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from pathlib import Path

from packaging.version import InvalidVersion, Version
from pydantic import Field

from edge_agent.contracts.core.errors import BundleError, RollbackError, StorageError
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.bundle import Bundle
from edge_agent.update.slots import SelfTest, SlotStatus, rollback, status
from edge_agent.web.access import RefusedError
from edge_agent.web.changes import RecordChange

LOG = logging.getLogger("lineside.web")


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


class UpdatesView(Strict):
    """Everything of the screen Updates. in_use: channel -> the bundle that judges it now."""

    root: str
    in_use: dict[str, str]
    slots: list[SlotRow]
    fault: str


class SwitchAsked(Strict):
    """Make the other version of a bundle current. version: what the person saw on the page."""

    name: str = Field(min_length=1, max_length=200)
    version: str = Field(min_length=1, max_length=100)


class Updates:
    """The slots under the station folder `root`; None: the station has none."""

    def __init__(
        self,
        root: Path | None,
        self_test: SelfTest,
        *,
        in_use: Callable[[], Mapping[str, str]],
        record: RecordChange,
    ) -> None:
        self._root = root
        self._self_test = self_test
        self._in_use = in_use
        self._record = record
        self._one = threading.Lock()

    def view(self) -> UpdatesView:
        """What is installed now."""
        slots, fault = [], "" if self._root else "station.toml names no trust.root: no slots"
        if self._root:
            try:
                slots = [_row(slot) for slot in status(self._root)]
            except StorageError as error:
                fault = str(error)
        return UpdatesView(
            root=str(self._root or ""), in_use=dict(self._in_use()), slots=slots, fault=fault
        )

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
            if not self._record(who, what, before, after):
                raise RefusedError(503, "the audit log cannot be written", cure="free the disk")
            try:
                done = rollback(row.name, self._root, self._self_test)
            except (BundleError, RollbackError, StorageError) as error:
                self._record(who, f"{what} refused", after, before)
                cure = "as root: lineside-agent slots rollback"
                raise RefusedError(409, error.what, cure=error.cure or cure) from error
            LOG.warning("%s is current, %s before, by %s", done.version, done.replaced, who)


def _row(slot: SlotStatus) -> SlotRow:
    return SlotRow(
        name=slot.name,
        version=slot.version,
        sha256=slot.sha256,
        other=slot.previous if slot.previous != slot.version else "",
        other_is_newer=_is_newer(slot.previous, slot.version),
        min_version=slot.min_version,
        fault=slot.fault,
    )


def _is_newer(one: str, than: str) -> bool:
    try:
        return Version(one) > Version(than)
    except InvalidVersion:
        return False
