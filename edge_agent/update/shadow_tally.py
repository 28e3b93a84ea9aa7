"""STATE_DIR/shadow/NAME.json: what a candidate did beside the current bundle, item by item.

The agent writes it, the update reads it; they run as different users and share no memory.
"""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, ValidationError

from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.manifest import Sha256

FOLDER = "shadow"


class ShadowTally(Strict):
    """Counts of one candidate over all channels that its bundle judges."""

    manifest: Sha256 = Field(description="slot of the candidate, or its manifest")
    items: int = Field(default=0, ge=0, description="compared with the current bundle")
    disagreed: int = Field(default=0, ge=0, description="another verdict")
    late: int = Field(default=0, ge=0, description="the same verdict, after the deadline")
    fault: str = Field(default="", description="why it cannot judge here at all")

    @property
    def bad(self) -> int:
        """Items that speak against the candidate."""
        return self.disagreed + self.late

    def with_item(self, *, agrees: bool, late: bool) -> ShadowTally:
        """The same and one item more."""
        return self.model_copy(
            update={
                "items": self.items + 1,
                "disagreed": self.disagreed + (not agrees),
                "late": self.late + (agrees and late),
            }
        )


def tally_path(state_dir: Path, name: str) -> Path:
    """Where the tally of the bundle `name` lies."""
    return state_dir / FOLDER / f"{name}.json"


def read_tally(state_dir: Path, name: str) -> ShadowTally | None:
    """The tally; None where there is none that can be read."""
    try:
        return ShadowTally.model_validate_json(tally_path(state_dir, name).read_bytes())
    except (OSError, ValidationError):
        return None


def write_tally(state_dir: Path, name: str, tally: ShadowTally) -> None:
    """Put it in the place of the one before; raises StorageError."""
    write_atomic(tally_path(state_dir, name), tally.model_dump_json().encode())
