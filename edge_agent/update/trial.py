"""What the update of the agent and the launcher tell each other, a file each way.

    ROOT/agent/trial.json     of root: the slot that is on trial, and the one to return to
    STATE_DIR/launch.json     of the agent's user: how often it was started, and the verdict

Neither writes the other's file: the agent's user can choose between two slots that root has
installed, and nothing else.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import Field, ValidationError

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.strict import Strict
from edge_agent.update.folder import Folder
from edge_agent.update.slot_links import SLOT

LOG = logging.getLogger("lineside.update")

AGENT, TRIAL, RECORD = "agent", "trial.json", "launch.json"
CONFIG_REFUSED = 2
"""The agent's exit code for a station.toml that somebody must edit: another start mends nothing."""

TrialId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]
SlotName = Annotated[str, Field(pattern=rf"^{SLOT.pattern}$")]
Verdict = Literal["", "proven", "failed"]
Kind = TypeVar("Kind", "Trial", "Record")


class Trial(Strict):
    """trial.json; it counts while `slot` is current. before: None for the launcher's own agent."""

    trial: TrialId
    slot: SlotName
    before: SlotName | None = None


class Record(Strict):
    """launch.json: what came of the newest trial."""

    trial: TrialId
    starts: int = Field(default=0, ge=0, description="starts that did not end by a person's word")
    verdict: Verdict = ""
    reason: str = ""


def read_trial(agent: Folder) -> Trial | None:
    """The trial in the open folder ROOT/agent; None where there is none, or a damaged one."""
    return _read(agent, TRIAL, Trial)


def read_record(state_dir: Path) -> Record | None:
    """The launcher's record; None where there is none, or a damaged one."""
    try:
        with Folder.open(state_dir, guarded=False) as folder:
            return _read(folder, RECORD, Record)
    except OSError:
        return None


def write_record(state_dir: Path, record: Record) -> None:
    """Whole and durable; raises StorageError."""
    write_atomic(state_dir / RECORD, record.model_dump_json().encode())


def _read(folder: Folder, name: str, kind: type[Kind]) -> Kind | None:
    try:
        text = folder.read(name)
        return None if text is None else kind.model_validate_json(text)
    except (OSError, StorageError, ValidationError) as error:
        LOG.warning("%s is not read: %s", folder.path / name, error)
        return None
