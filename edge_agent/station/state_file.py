"""STATE_DIR/state.json: the station's state for programs of this machine, such as an update."""

from __future__ import annotations

import logging
from pathlib import Path

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.update.state_word import STATE_JSON

LOG = logging.getLogger("lineside.station")


LATER_FIELDS = {"runtimes"}
"""Not in the file: a launcher of an earlier version, which reads it, would refuse them."""


class StateFile:
    """A listener that keeps the newest state; a full disk costs the file, not the station."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / STATE_JSON

    def publish(self, message: Outbound) -> None:
        """Put a state in the place of the one before; other messages pass."""
        if not isinstance(message, StateMessage):
            return
        try:
            write_atomic(self._path, message.model_dump_json(exclude=LATER_FIELDS).encode())
        except StorageError as error:
            LOG.warning("the state is not written: %s", error)
