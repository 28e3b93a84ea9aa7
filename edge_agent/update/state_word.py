"""The station's own word: STATE_DIR/state.json, which the agent replaces at each change, and
STATE_DIR/running.json, which agent that is; and where STATE_DIR is, for programs that must go on
with a station.toml that the agent would refuse.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from pydantic import ValidationError

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.toml import read_toml_document
from edge_agent.contracts.wire.kinds.state import StateMessage

STATE_JSON, RUNNING_JSON = "state.json", "running.json"
STATE_DIR = "state"


class RunningAgent(Strict):
    """running.json: a file of its own, for a launcher of an earlier version refuses a state with
    more fields than it knows.
    """

    version: str


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


def other_agent(state_dir: Path, version: str) -> str:
    """That another agent than the one of this version runs; "" where it does not, where the version
    is "", and where no agent said which it is, as one of an earlier version.
    """
    try:
        said = (state_dir / RUNNING_JSON).read_bytes()
        runs = RunningAgent.model_validate_json(said, extra="ignore").version
    except (OSError, ValidationError):
        return ""
    differs = version and runs and runs != version
    return f"agent {runs} runs, {version} was asked for" if differs else ""


def forget_agent(state_dir: Path) -> None:
    """Let no agent that ran before be taken for the next one, which may not say which it is."""
    with suppress(OSError):
        (state_dir / RUNNING_JSON).unlink()
