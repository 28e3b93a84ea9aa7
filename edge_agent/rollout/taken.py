"""The desired state that a station has taken, on disk before anything is done about it.

ROOT/rollout/desired.json: what was taken last, and how it ended. Its counter never falls, so that
a broker cannot bring back what was desired before.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.manifest import Sha256
from edge_agent.contracts.wire.kinds.desired import DesiredState
from edge_agent.update.folder import read_below, write_below
from edge_agent.update.stored import parse_stored

FOLDER, FILE = "rollout", "desired.json"

Ended: TypeAlias = Literal["", "done", "failed", "returned"]


class Taken(Strict):
    """desired.json. ended: empty while it is at work; candidate: of the file that was fetched."""

    state: DesiredState
    digest: Sha256 = Field(description="of the signed content")
    candidate: Sha256 | None = None
    had: str | None = Field(
        default=None,
        pattern=r"^([0-9a-f]{64})?$",
        description="manifest's sha256 of what was current before the rollout; empty: nothing was",
    )
    tries: int = Field(default=0, ge=0, description="that failed by what may pass")
    ended: Ended = ""
    reason: str = Field(default="", max_length=400)


def taken_after(before: Taken | None, state: DesiredState, digest: str, current: str) -> Taken:
    """What a station takes when `state` comes after `before`.

    digest: of its signed content; current: manifest's sha256 of what is installed, or empty. A
    controller that died asks again for what is at work, or done: the rollout is the same one then.
    """
    fresh = Taken(state=state, digest=digest, had=current if state.action == "install" else None)
    if before is None or before.state.manifest_sha256 != state.manifest_sha256:
        return fresh
    if state.action == "return":
        return fresh.model_copy(update={"had": before.had})
    if before.state.action == "return" or before.ended == "failed":
        return fresh
    candidate = None if before.ended else before.candidate
    return fresh.model_copy(update={"had": before.had, "candidate": candidate})


def read_taken(root: Path) -> Taken | None:
    """What was taken last; None before the first. Raises StorageError for a damaged file."""
    text = read_below(root, FOLDER, FILE)
    if text is None:
        return None
    cure = "remove this file, and start the rollout again"
    return parse_stored(Taken, text, root / FOLDER / FILE, "is damaged", cure)


def write_taken(root: Path, taken: Taken) -> None:
    """Whole and durable, or not at all; raises StorageError."""
    write_below(root, FOLDER, FILE, taken.model_dump_json(indent=1).encode())
