"""What an update has come to, on disk before anything is done about it.

ROOT/update/journal.json holds the state whose action is next or at work, and
ROOT/update/quarantine.json the candidates that were given up, by manifest.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from pydantic import Field, field_validator

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.manifest import Sha256
from edge_agent.update.folder import Folder
from edge_agent.update.gate import Gate
from edge_agent.update.state_table import State
from edge_agent.update.stored import parse_stored

JOURNAL, QUARANTINE = "journal.json", "quarantine.json"
MOST_QUARANTINED = 100

Kind = TypeVar("Kind", "Journal", "Quarantine")


class Journal(Strict):
    """journal.json. begun: how often the action of this state was begun."""

    candidate: Sha256 = Field(description="of the file as it was handed over")
    state: State = "download"
    begun: int = Field(default=0, ge=0)
    name: str = ""
    version: str = ""
    manifest: Sha256 | None = Field(default=None, description="known once it is verified")
    slot: Sha256 | None = Field(default=None, description="where it was staged")
    before: Sha256 | None = Field(default=None, description="the slot that was current")
    shadow: Gate | None = Field(default=None, description="the gate of its shadow; none: no shadow")
    by_person: bool = Field(default=False, description="a person must promote it")
    probation_s: float = Field(
        default=0.0, ge=0, description="watched for this long; 0: not at all"
    )
    source: str = Field(default="", description="folder, address or updater that it comes from")
    ca: str = Field(default="", description="file of who signs that server's certificate")
    promoted: bool = Field(default=False, description="a person has let it pass the gate")
    reason: str = Field(default="", description="why it was given up, or waits")


class GivenUp(Strict):
    """Why a candidate was given up, and which it was. at_ns: UTC, 0 where it is not known."""

    reason: str
    name: str = ""
    version: str = ""
    at_ns: int = Field(default=0, ge=0)

    @property
    def title(self) -> str:
        """Name and version, as far as they are known."""
        return f"{self.name} {self.version}".strip()


class Quarantine(Strict):
    """quarantine.json: manifest and file sha256 -> why; both of a candidate say the same."""

    given_up: dict[Sha256, GivenUp] = Field(default_factory=dict)

    @field_validator("given_up", mode="before")
    @classmethod
    def _with_reasons_alone(cls, found: object) -> object:
        """A file of 0.2.0 and older has the reason alone."""
        if not isinstance(found, dict):
            return found
        return {key: {"reason": why} if isinstance(why, str) else why for key, why in found.items()}

    def with_one(self, digests: tuple[str | None, ...], why: GivenUp) -> Quarantine:
        """The same and one candidate more; the oldest are forgotten."""
        fresh = {digest: why for digest in digests if digest is not None}
        others = {key: one for key, one in self.given_up.items() if key not in fresh}
        kept = list((others | fresh).items())[-MOST_QUARANTINED:]
        return Quarantine(given_up=dict(kept))

    def without(self, digests: Sequence[str | None]) -> Quarantine:
        """The same without these."""
        kept = {key: why for key, why in self.given_up.items() if key not in digests}
        return Quarantine(given_up=kept)

    def candidates(self) -> list[tuple[tuple[str, ...], GivenUp]]:
        """Each candidate, oldest first: its hashes, and why it was given up."""
        found: list[tuple[tuple[str, ...], GivenUp]] = []
        for digest, why in self.given_up.items():
            if found and why.at_ns and found[-1][1] == why:
                found[-1] = ((*found[-1][0], digest), why)
            else:
                found.append(((digest,), why))
        return found


def read_journal(folder: Folder) -> Journal | None:
    """The journal in the open folder `update`; None where no update was begun.

    Raises StorageError for a damaged one.
    """
    return _read(folder, JOURNAL, Journal)


def read_quarantine(folder: Folder) -> Quarantine:
    """The candidates that were given up; raises StorageError for a damaged file."""
    return _read(folder, QUARANTINE, Quarantine) or Quarantine()


def write(folder: Folder, name: str, content: Journal | Quarantine) -> None:
    """Whole and durable, or not at all; raises OSError."""
    folder.write(name, content.model_dump_json(indent=1).encode())


def _read(folder: Folder, name: str, kind: type[Kind]) -> Kind | None:
    text = folder.read(name)
    if text is None:
        return None
    cure = "remove this file: the current bundle is untouched"
    return parse_stored(kind, text, folder.path / name, "is damaged", cure)
