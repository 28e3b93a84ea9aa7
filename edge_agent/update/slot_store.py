"""The slots of one bundle name: what is stored, current and previous, and the minimum version."""

from __future__ import annotations

import logging
import re
import secrets
from collections.abc import Callable
from typing import Self

from packaging.version import Version as Order

from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.bundle import Bundle, parse_bundle
from edge_agent.contracts.model.manifest import Sha256, Version
from edge_agent.update.folder import Folder
from edge_agent.update.slot_links import CURRENT, PREVIOUS, SLOT, linked_slot
from edge_agent.update.stored import parse_stored

LOG = logging.getLogger("lineside.update")

MIN_VERSION = "min_version.json"
CANDIDATE = "candidate"
"""The link to a bundle that judges in the shadow of the current one."""
UNFINISHED_SLOT = re.compile(r"\.new-[0-9a-f]{8}")
UNFINISHED = re.compile(
    rf"\.({CURRENT}|{PREVIOUS}|{CANDIDATE}|{re.escape(MIN_VERSION)})\.[0-9a-f]{{8}}"
)
"""Only these names are ever removed: what somebody else put there stays."""


class MinVersion(Strict):
    """min_version.json: nothing older is installed, and nothing else of the same version."""

    version: Version
    manifest_sha256: Sha256

    @property
    def order(self) -> Order:
        """The version as versions are compared."""
        return Order(self.version)


class SlotStore:
    """ROOT/bundles/NAME and its folder of slots, both held by their handles."""

    def __init__(self, bundles: Folder, name: str, *, create: bool = False) -> None:
        """Open the folders; raises OSError or StorageError."""
        self.name = name
        self.folder = bundles.subfolder(name, create=create)
        try:
            self._slots = self.folder.subfolder("slots", create=create)
        except BaseException:
            self.folder.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Give the handles back."""
        self._slots.close()
        self.folder.close()

    def linked(self, link: str) -> str | None:
        """The slot to which `current` or `previous` leads; None for none, or for another place."""
        return linked_slot(self.folder, link)

    def bundle(self, slot: str | None) -> Bundle | None:
        """The bundle in `slot`; None where there is none. Raises BundleError for a damaged one."""
        if slot is None:
            return None
        file = self.folder.path / "slots" / slot / self._file
        try:
            with self._slots.subfolder(slot) as folder:
                payload = folder.read(self._file)
        except FileNotFoundError:
            return None
        if payload is None:
            return None
        bundle = parse_bundle(payload, str(file))
        if bundle.sha256 != slot:
            raise BundleError(
                "is not the bundle of its slot", where=str(file), cure="push it again"
            )
        return bundle

    def whole_bundle(self, slot: str | None) -> Bundle | None:
        """The bundle in `slot`, None also where it is damaged, so that it can be replaced."""
        try:
            return self.bundle(slot)
        except BundleError as error:
            LOG.warning("a bundle is damaged: %s", error)
            return None

    def current(self) -> Bundle | None:
        """The current bundle, None where there is none or it is damaged."""
        return self.whole_bundle(self.linked(CURRENT))

    def current_version(self) -> str:
        """The version of the current bundle, or nothing."""
        bundle = self.current()
        return "" if bundle is None else bundle.manifest.version

    def way_back(self) -> str | None:
        """The slot to which a rollback returns: where `previous` leads.

        An interruption between the two links leaves both at one slot. Then it is the newest other
        slot that has been current, which is one that the minimum version has reached.
        """
        now, back, least = self.linked(CURRENT), self.linked(PREVIOUS), self.min_version()
        if back is None or back != now or least is None:
            return back
        found = []
        for slot in self._stored():
            bundle = self.whole_bundle(slot)
            if bundle is not None and slot != now:
                found.append((Order(bundle.manifest.version), slot))
        reached = [slot for version, slot in sorted(found) if version <= least.order]
        return reached[-1] if reached else None

    def slot_of(self, manifest_bytes: bytes) -> str | None:
        """The slot, current or previous, of this manifest: it may have been signed again since."""
        for slot in (self.linked(CURRENT), self.linked(PREVIOUS)):
            bundle = self.whole_bundle(slot)
            if bundle is not None and bundle.manifest_bytes == manifest_bytes:
                return slot
        return None

    def put(self, bundle: Bundle, read: Callable[[], bytes]) -> str:
        """The slot that holds the bundle; a new one takes what `read` gives."""
        slot = self.slot_of(bundle.manifest_bytes)
        if slot is None:
            slot = bundle.sha256
            self.store(bundle, read())
        return slot

    def store(self, bundle: Bundle, payload: bytes) -> None:
        """Put the bundle into its slot: whole and durable, or not at all."""
        if sha256_hex(payload) != bundle.sha256:
            raise BundleError(
                "changed while it was read", where=bundle.source, cure="install it again"
            )
        if bundle.sha256 in self._stored():
            with self._slots.subfolder(bundle.sha256) as slot:
                if slot.read(self._file) != payload:
                    slot.write(self._file, payload)
            return
        fresh = f".new-{secrets.token_hex(4)}"
        try:
            with self._slots.subfolder(fresh, create=True) as slot:
                slot.write(self._file, payload)
            self._slots.rename(fresh, bundle.sha256)
        except BaseException:
            self._slots.remove_tree(fresh)
            raise

    def switch(self, new: str) -> bool:
        """Make the slot `new` current: `previous` first, then `current`, then the minimum version.

        In this order a power cut leaves a current bundle and a way back at every moment. Returns
        whether anything changed.
        """
        now = self.linked(CURRENT)
        if now is not None and now != new and self.whole_bundle(now) is not None:
            self.folder.switch_link(PREVIOUS, f"slots/{now}")
        if now != new:
            self.folder.switch_link(CURRENT, f"slots/{new}")
        self.raise_min_version()
        return now != new

    def switch_back(self, back: str) -> None:
        """Make the slot `back` current again; the minimum version stays what was reached."""
        now = self.linked(CURRENT)
        self.raise_min_version()
        self.folder.switch_link(CURRENT, f"slots/{back}")
        if now is not None:
            self.folder.switch_link(PREVIOUS, f"slots/{now}")

    def raise_min_version(self) -> None:
        """Write the minimum version where what is current has raised it."""
        least = self.min_version()
        if least is not None and least != self._stored_min_version():
            self.folder.write(MIN_VERSION, least.model_dump_json().encode())

    def min_version(self) -> MinVersion | None:
        """The higher one of the file and what is current: a power cut may fall between the two."""
        stored, current = self._stored_min_version(), self.current()
        if current is None:
            return stored
        manifest_sha256 = sha256_hex(current.manifest_bytes)
        reached = MinVersion(version=current.manifest.version, manifest_sha256=manifest_sha256)
        return stored if stored is not None and stored.order >= reached.order else reached

    def clear(self) -> None:
        """Remove what is neither current nor the way back, and what an interrupted install left."""
        kept = {self.linked(CURRENT), self.linked(CANDIDATE), self.way_back()}
        for name in self._slots.names():
            old = SLOT.fullmatch(name) and name not in kept
            if old or UNFINISHED_SLOT.fullmatch(name):
                self._slots.remove_tree(name)
        for name in self.folder.names():
            if UNFINISHED.fullmatch(name):
                self.folder.remove(name)

    @property
    def _file(self) -> str:
        return f"{self.name}.bundle"

    def _stored(self) -> list[str]:
        return [name for name in self._slots.names() if SLOT.fullmatch(name)]

    def _stored_min_version(self) -> MinVersion | None:
        payload = self.folder.read(MIN_VERSION)
        if payload is None:
            return None
        what = "the minimum version is damaged"
        cure = "remove this file, and push the newest bundle at once"
        return parse_stored(MinVersion, payload, self.folder.path / MIN_VERSION, what, cure)
