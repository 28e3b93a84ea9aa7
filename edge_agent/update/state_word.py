"""The station's own word: STATE_DIR/state.json, which the agent replaces at each change."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from edge_agent.contracts.wire.kinds.state import StateMessage

STATE_JSON = "state.json"


def read_state(state_dir: Path) -> StateMessage | None:
    """What the station said last; None where it has said nothing that can be read."""
    try:
        return StateMessage.model_validate_json((state_dir / STATE_JSON).read_bytes())
    except (OSError, ValidationError):
        return None
