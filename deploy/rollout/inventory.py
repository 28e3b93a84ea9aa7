"""stations.toml: which stations there are, and the order in which a rollout reaches them."""

from __future__ import annotations

import re
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from deploy.push.host import Host, parse_host
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.strict import Strict, validate
from edge_agent.contracts.core.toml import read_toml_document

MOST_STATIONS = 100_000
STEP = re.compile(r"(\d{1,6})(%?)")

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,63}$")]


class StationRow(Strict):
    """One station of the inventory."""

    name: Name = Field(description="unique; in journals and reports")
    host: str = Field(min_length=1, description="DIR or user@host:DIR, as `push --to` takes it")
    early: bool = Field(default=False, description="reached before those that are not")


class Inventory(Strict):
    """stations.toml."""

    station: list[StationRow] = Field(min_length=1, max_length=MOST_STATIONS)
    program: str = Field(default="lineside-agent", description="the stations' program")
    ssh_config: Path | None = Field(default=None, description="as ssh -F")

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: set[str] = set()
        for row in self.station:
            if row.name in seen:
                raise ValueError(f"two stations have the name {row.name!r}")
            seen.add(row.name)
        return self

    def in_order(self) -> list[str]:
        """The names, early ones first, otherwise as they stand in the file."""
        return [row.name for row in sorted(self.station, key=lambda row: not row.early)]

    def host(self, name: str) -> Host:
        """The way to a station; raises ConfigError for a name that is not there."""
        if name not in self._hosts:
            raise ConfigError(f"no station {name!r}", where="stations.toml", cure="name one of it")
        return parse_host(self._hosts[name], self.program, self.ssh_config)

    @cached_property
    def _hosts(self) -> dict[str, str]:
        """By name, for a rollout that asks for each of many thousands."""
        return {row.name: row.host for row in self.station}


def read_inventory(path: Path) -> Inventory:
    """Read stations.toml; raises ConfigError that names every wrong key."""
    found = validate(Inventory, read_toml_document(path), str(path))
    for row in found.station:
        parse_host(row.host)
    return found


def cut_groups(names: list[str], steps: str) -> list[list[str]]:
    """Cut `names` where `steps` say: "1,10,50,100%" are totals after each group.

    A percentage is rounded up. What is left after the last step is a group of its own. Raises
    ConfigError for steps that do not rise.
    """
    groups: list[list[str]] = []
    done = 0
    for step in steps.split(","):
        found = STEP.fullmatch(step.strip())
        if found is None or not int(found[1]):
            raise ConfigError(
                f"{step.strip()!r} is no step", where="--groups", cure="write such as 1,10,50,100%"
            )
        total = -(-len(names) * int(found[1]) // 100) if found[2] else int(found[1])
        total = min(total, len(names))
        if total > done:
            groups.append(names[done:total])
        done = max(done, total)
    return [*groups, *([names[done:]] if done < len(names) else [])]


def share(text: str) -> float:
    """A share such as "2%" or "0.02"; raises ConfigError."""
    number = text.removesuffix("%")
    try:
        value = float(number) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ConfigError(f"{text!r} is no share", where="--max-failures", cure="write such as 2%")
    return value
