"""The agents of a station: an environment each, in a slot named by its wheel set.

    ROOT/agent/slots/<sha256>/             a virtual environment, whole once slot.json is there
    ROOT/agent/slots/<sha256>/slot.json    its wheel set, byte by byte
    ROOT/agent/current -> slots/<sha256>   what the launcher starts; none: the launcher's own agent
    ROOT/agent/previous -> slots/<sha256>  what ran before
    ROOT/agent/wheels/                     the wheels of the newest set: what the next one shares
    ROOT/agent/min_version.json            the highest version that has proven itself

An environment names its own place, so it is built where it stays; slot.json is written last.
"""

from __future__ import annotations

import contextlib
from pathlib import Path

from packaging.version import Version as Order

from edge_agent.contracts.core.errors import RollbackError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.manifest import parse_json
from edge_agent.contracts.model.wheel_set import WheelSet
from edge_agent.update.folder import Folder
from edge_agent.update.slot_links import CURRENT, PREVIOUS, SLOT, SLOT_JSON, SLOTS, linked_slot
from edge_agent.update.slot_store import MIN_VERSION, MinVersion
from edge_agent.update.stored import parse_stored
from edge_agent.update.trial import AGENT

WHEELS = "wheels"


def agent_version(root: Path, own: str) -> str:
    """The version of the agent that a station starts; own: that of the launcher's own agent.

    Raises OSError, StorageError or BundleError.
    """
    with (
        contextlib.suppress(FileNotFoundError),
        Folder.open(root, guarded=False) as station,
        station.subfolder(AGENT) as folder,
    ):
        slots = AgentSlots(folder)
        wheels = slots.wheel_set(slots.linked())
        return own if wheels is None else wheels.version
    return own


class AgentSlots:
    """The open folder ROOT/agent. Methods raise OSError, StorageError or BundleError."""

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def linked(self, link: str = CURRENT) -> str | None:
        """The slot to which a link leads; None for none, or for another place."""
        return linked_slot(self.folder, link)

    def path(self, slot: str) -> Path:
        """Where the environment of a slot is."""
        return self.folder.path / SLOTS / slot

    def wheel_set(self, slot: str | None) -> WheelSet | None:
        """The wheel set of a slot; None where the slot is not whole."""
        if slot is None:
            return None
        try:
            with self.folder.subfolder(SLOTS) as slots, slots.subfolder(slot) as one:
                text = one.read(SLOT_JSON)
        except FileNotFoundError:
            return None
        if text is None or sha256_hex(text) != slot:
            return None
        return parse_json(WheelSet, text, str(self.path(slot) / SLOT_JSON))

    def clean(self, slot: str) -> Path:
        """The empty folder of a slot, for an environment to be built in."""
        self.remove(slot)
        with self.folder.subfolder(SLOTS) as slots:
            slots.subfolder(slot, create=True).close()
        return self.path(slot)

    def finish(self, slot: str, text: bytes) -> None:
        """Declare a slot whole, once every file of it is durable."""
        with self.folder.subfolder(SLOTS) as slots, slots.subfolder(slot) as one:
            one.write(SLOT_JSON, text)

    def switch(self, slot: str | None) -> None:
        """Make a slot current, or the launcher's own agent; `previous` is what was before."""
        now = self.linked()
        if now == slot:
            return
        if now is not None:
            self.folder.switch_link(PREVIOUS, f"{SLOTS}/{now}")
        self.switch_back(slot)

    def switch_back(self, slot: str | None) -> None:
        """Make a slot current again; what it replaces has failed, and is no way back."""
        if self.linked() == slot:
            return
        if slot is None:
            self.folder.remove(CURRENT)
        else:
            self.folder.switch_link(CURRENT, f"{SLOTS}/{slot}")

    def refuse_older(self, wheels: WheelSet, digest: str) -> None:
        """Refuse what is older than the highest version that has proven itself here."""
        least = self._min_version()
        if least is None:
            return
        if Order(wheels.version) < least.order:
            raise RollbackError(
                f"agent {wheels.version} is older than {least.version}, which this station has run",
                where=wheels.name,
                cure="release the wheels of a higher version",
            )
        if wheels.version == least.version and digest != least.manifest_sha256:
            raise RollbackError(
                f"this station has run another agent of the same version {wheels.version}",
                where=wheels.name,
                cure="release the wheels of a higher version",
            )

    def commit(self, wheels: WheelSet, slot: str, kept: tuple[str | None, ...]) -> None:
        """Raise the minimum version, then remove what is neither `slot` nor one of `kept`."""
        least = MinVersion(version=wheels.version, manifest_sha256=slot)
        self.folder.write(MIN_VERSION, least.model_dump_json().encode())
        with self.folder.subfolder(SLOTS) as slots:
            for name in slots.names():
                if SLOT.fullmatch(name) and name not in (slot, *kept):
                    slots.remove_tree(name)
        self._keep_wheels(wheels)

    def remove(self, slot: str) -> None:
        """Remove a slot, whole or half; raises OSError."""
        with self.folder.subfolder(SLOTS, create=True) as slots:
            if slot in slots.names():
                slots.remove_tree(slot)

    def forget(self, slot: str, kept: tuple[str | None, ...]) -> None:
        """Remove a slot that is none of `kept`, and the wheels that the current one has not."""
        if slot not in (*kept, self.linked(), self.linked(PREVIOUS)):
            self.remove(slot)
        self._keep_wheels(self.wheel_set(self.linked()))

    def _keep_wheels(self, wheels: WheelSet | None) -> None:
        files = set() if wheels is None else {wheel.file for wheel in wheels.wheels}
        with self.folder.subfolder(WHEELS, create=True) as stored:
            for name in stored.names():
                if name.endswith(".whl") and name not in files:
                    stored.remove(name)

    def _min_version(self) -> MinVersion | None:
        text = self.folder.read(MIN_VERSION)
        if text is None:
            return None
        what = "the agent's minimum version is damaged"
        cure = "remove this file, and update the agent at once"
        return parse_stored(MinVersion, text, self.folder.path / MIN_VERSION, what, cure)
