"""STATE_DIR/state.json and running.json: the state of the station and the agent that has it, for
programs of this machine, such as an update.
"""

from __future__ import annotations

import logging
from pathlib import Path

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.update.state_word import RUNNING_JSON, STATE_JSON, RunningAgent

LOG = logging.getLogger("lineside.station")


LATER_FIELDS = {"runtimes"}
"""Not in the file: a launcher of an earlier version, which reads it, would refuse them."""


class StateFile:
    """A listener that keeps the newest state; a full disk costs the file, not the station.

    version: of the agent.
    """

    def __init__(self, folder: Path, version: str) -> None:
        self._folder = folder
        self._running = RunningAgent(version=version)

    def publish(self, message: Outbound) -> None:
        """Put a state in the place of the one before; other messages pass."""
        if not isinstance(message, StateMessage):
            return
        # Who is armed is known before it is armed.
        self._write(RUNNING_JSON, self._running.model_dump_json())
        self._write(STATE_JSON, message.model_dump_json(exclude=LATER_FIELDS))

    def _write(self, name: str, text: str) -> None:
        """Each on its own: a state that stays behind would have the launcher give the agent up."""
        try:
            write_atomic(self._folder / name, text.encode())
        except StorageError as error:
            LOG.warning("%s is not written: %s", name, error)
