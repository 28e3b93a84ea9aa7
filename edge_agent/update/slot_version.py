"""The version of the agent in a slot, for the launcher: the one word that it needs of slot.json.

The whole list is parsed by what also reads bundles and loads OpenCV, which a launcher that starts
something whatever is damaged must do without.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.update.folder import Folder
from edge_agent.update.slot_links import SLOT_JSON, SLOTS
from edge_agent.update.trial import AGENT, LOG


class _Listed(BaseModel):
    """A newer agent's list may say more than this launcher knows."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    version: str


def slot_version(root: Path, slot: str) -> str:
    """The version that the list of a slot names; "" where the slot is not whole."""
    try:
        with (
            Folder.open(root, guarded=False) as station,
            station.subfolder(AGENT) as agent,
            agent.subfolder(SLOTS) as slots,
            slots.subfolder(slot) as one,
        ):
            text = one.read(SLOT_JSON)
        if text is None or sha256_hex(text) != slot:
            return ""
        return _Listed.model_validate_json(text).version
    except (OSError, StorageError, ValidationError) as error:
        LOG.warning("the version of the agent on trial is not known: %s", error)
        return ""
