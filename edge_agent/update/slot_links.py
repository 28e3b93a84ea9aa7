"""The links by which slots are chosen, for bundles and for agents alike."""

from __future__ import annotations

import re

from edge_agent.update.folder import Folder

CURRENT, PREVIOUS, SLOTS = "current", "previous", "slots"
SLOT_JSON = "slot.json"
SLOT = re.compile(r"[0-9a-f]{64}")


def linked_slot(folder: Folder, link: str) -> str | None:
    """The slot to which a link of the open folder leads; None for none, or for another place."""
    place, _, slot = (folder.link(link) or "").rpartition("/")
    return slot if place == SLOTS and SLOT.fullmatch(slot) else None
