"""What a rollout has come to: one file, written before each step, read by every command."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Literal, TypeAlias

from pydantic import Field, ValidationError

from edge_agent.contracts.core.errors import ConfigError, StorageError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.model.manifest import Sha256

MOST_REASON = 400
"""Characters of a station's reason."""
JOURNAL, WISH = "rollout.json", "wish.json"

Progress: TypeAlias = Literal["waiting", "begun", "done", "failed", "returning", "returned"]
Phase: TypeAlias = Literal["running", "asking", "paused", "returning", "stopped", "failed", "done"]
ENDS: tuple[Phase, ...] = ("stopped", "failed", "done")


class StationProgress(Strict):
    """One station of a rollout; begun: at work, or the controller died while it was.

    had: the version of before, empty where there was none, or where the station itself knows it.
    is_touched: False where it could not be reached before anything was sent to it.
    """

    progress: Progress = "waiting"
    reason: str = ""
    had: str = ""
    is_touched: bool = True


class Rollout(Strict):
    """rollout.json. group: the one that is at work, or next."""

    bundle: str = Field(description="path of the bundle file")
    bundle_sha256: Sha256
    inventory: str = Field(default="stations.toml", description="path of the inventory file")
    title: str
    name: str
    groups: list[list[str]]
    stations: dict[str, StationProgress]
    max_failures: float
    per_minute: float
    probation_s: float
    ask: bool
    left_out: int = Field(default=0, description="stations of the inventory in no group")
    group: int = 0
    approved: int = Field(default=0, description="groups that a person has let pass")
    phase: Phase = "running"
    reason: str = ""

    def with_stations(
        self, rows: Mapping[str, tuple[Progress, str]], untouched: Collection[str] = ()
    ) -> Rollout:
        """The same with the progress and reason of some stations, of which `untouched` were not
        reached."""
        fresh = {
            name: StationProgress(
                progress=progress,
                reason=reason[:MOST_REASON],
                had=self.stations[name].had,
                is_touched=name not in untouched,
            )
            for name, (progress, reason) in rows.items()
        }
        return self.model_copy(update={"stations": self.stations | fresh})

    def names(self, *progress: Progress) -> list[str]:
        """The stations of one of these, in the order of the groups."""
        order = [name for group in self.groups for name in group]
        return [name for name in order if self.stations[name].progress in progress]

    def to_return(self) -> list[str]:
        """The stations that may have the release, or may get it yet, in the order of the groups.

        One that failed has returned by itself, but one whose connection was lost may not have.
        """
        found = self.names("begun", "done", "failed", "returning")
        return [name for name in found if self.stations[name].is_touched]

    def left(self) -> list[str]:
        """A line for each station that failed or is not back."""
        return [
            f"{name}: {self.stations[name].progress}: {self.stations[name].reason}"
            for name in self.names("failed", "returning")
        ]


class Wish(Strict):
    """wish.json: what a person asks of the controller, which obeys between two stations."""

    wish: Literal["pause", "stop"]


def read_rollout(folder: Path) -> Rollout:
    """The rollout in `folder`; raises StorageError where there is none, or a damaged one."""
    path = folder / JOURNAL
    try:
        return Rollout.model_validate_json(path.read_bytes())
    except OSError as error:
        raise StorageError(
            f"no rollout ({error.strerror})",
            where=str(path),
            cure="begin one with `lineside-deploy rollout start`, or name its folder with --folder",
        ) from error
    except ValidationError as error:
        raise StorageError(
            "is damaged", where=str(path), cure="restore it; `rollout status` asks the stations"
        ) from error


def write_rollout(folder: Path, rollout: Rollout) -> None:
    """Put it in the place of the one before, durably; raises StorageError."""
    write_atomic(folder / JOURNAL, rollout.model_dump_json(indent=1).encode())


def refuse_at_work(folder: Path) -> None:
    """Raises ConfigError where a rollout is in `folder` that has not ended."""
    if (folder / JOURNAL).exists() and (found := read_rollout(folder)).phase not in ENDS:
        raise ConfigError(
            f"a rollout of {found.title} is there already ({found.phase})",
            where=str(folder),
            cure="go on with `rollout resume`, or name another folder with --folder",
        )


def begin_rollout(folder: Path, rollout: Rollout) -> None:
    """Write the journal of `rollout`; that of one that ended gets the first free number."""
    path = folder / JOURNAL
    refuse_at_work(folder)
    if path.exists():
        names = (path.with_stem(f"{path.stem}-{number}") for number in itertools.count(1))
        path.rename(next(name for name in names if not name.exists()))
    write_wish(folder, None)
    write_rollout(folder, rollout)


def write_wish(folder: Path, wish: Literal["pause", "stop"] | None) -> None:
    """Ask something of the controller, or take it back."""
    path = folder / WISH
    if wish is None:
        path.unlink(missing_ok=True)
    else:
        write_atomic(path, Wish(wish=wish).model_dump_json().encode())


def read_wish(folder: Path) -> Literal["pause", "stop"] | None:
    """What is asked; None for nothing, or for what cannot be read."""
    try:
        return Wish.model_validate_json((folder / WISH).read_bytes()).wish
    except (OSError, ValidationError):
        return None
