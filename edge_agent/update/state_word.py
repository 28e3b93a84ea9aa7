"""The station's own word: STATE_DIR/state.json, which the agent replaces at each change; and where
STATE_DIR is, for programs that must go on with a station.toml that the agent would refuse."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.toml import read_toml_document
from edge_agent.contracts.wire.kinds.state import StateMessage

STATE_JSON = "state.json"
STATE_DIR = "state"


def state_dir_of(station_toml: Path) -> Path:
    """The state_dir that the file names; the usual one where it names none or cannot be read."""
    try:
        table = read_toml_document(station_toml).get("station")
    except ConfigError:
        table = None
    name = table.get("state_dir") if isinstance(table, dict) else None
    return station_toml.parent / (name if isinstance(name, str) else STATE_DIR)


def read_state(state_dir: Path) -> StateMessage | None:
    """What the station said last; None where it has said nothing that can be read."""
    try:
        said = (state_dir / STATE_JSON).read_bytes()
        # A newer agent on trial may say more than this launcher knows.
        return StateMessage.model_validate_json(said, extra="ignore")
    except (OSError, ValidationError):
        return None
