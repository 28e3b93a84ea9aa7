"""stations.toml: which stations there are, and the order in which a rollout reaches them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from deploy.broker.target import BrokerTarget
from deploy.push.host import Host, parse_host
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.strict import Strict, validate
from edge_agent.contracts.core.toml import read_toml_document

MOST_STATIONS = 100_000
WRITE_STEPS = "write such as 1,10,50,100%"
STEP = re.compile(r"([0-9]{1,6})(%?)")
SHARE = re.compile(r"([0-9]{1,3}(?:\.[0-9]{1,9})?|\.[0-9]{1,9})(%?)")

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,63}$")]


class StationRow(Strict):
    """One station of the inventory."""

    name: Name = Field(description="unique; in journals and reports")
    host: str = Field(
        default="", description="DIR or user@host:DIR, as `push --to` takes it; not with [mqtt]"
    )
    key: str = Field(
        default="",
        pattern=r"^([0-9a-f]{64})?$",
        description="public, from `lineside-agent slots key`: releases are encrypted for it",
    )
    report_key: str = Field(
        default="",
        pattern=r"^([0-9a-f]{64})?$",
        description="public, likewise: over MQTT only reports that it signed count",
    )
    early: bool = Field(default=False, description="reached before those that are not")


class BrokerRow(Strict):
    """The broker over which the stations are reached; they follow it by `lineside-agent follow`."""

    host: str = Field(min_length=1, description="name or address of the broker")
    port: int = Field(default=1883, ge=1, le=65535, description="8883 is usual with TLS")
    prefix: str = Field(
        default="lineside", pattern=r"^[^+#\x00]+$", description="topic_prefix of the stations"
    )
    username: str | None = Field(default=None, description="may write PREFIX/+/desired")
    password_file: Path | None = Field(default=None, description="file with its password")
    ca_file: Path | None = Field(default=None, description="encrypts the connection")
    cert_file: Path | None = Field(default=None, description="PEM of our certificate")
    key_file: Path | None = Field(default=None, description="PEM of our private key")

    def target(self, password: str | None) -> BrokerTarget:
        """The broker and this user there; the password comes from password_file."""
        return BrokerTarget(**self.model_dump(exclude={"password_file"}), password=password)


class Inventory(Strict):
    """stations.toml. mqtt: a station's name is its station.id, in the place of `host`."""

    station: list[StationRow] = Field(min_length=1, max_length=MOST_STATIONS)
    program: str = Field(default="lineside-agent", description="the stations' program")
    ssh_config: Path | None = Field(default=None, description="as ssh -F")
    mqtt: BrokerRow | None = None

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        seen: set[str] = set()
        hosts: dict[str, str] = {}
        for row in self.station:
            if row.name in seen:
                raise ValueError(f"two stations have the name {row.name!r}")
            seen.add(row.name)
            other = hosts.setdefault(row.host.rstrip("/"), row.name)
            if row.host and other != row.name:
                raise ValueError(f"stations {other!r} and {row.name!r} have one host, {row.host}")
            if self.mqtt is None and not row.host:
                raise ValueError(f"station {row.name!r} needs a host, or the inventory [mqtt]")
        return self

    def in_order(self) -> list[str]:
        """The names, early ones first, otherwise as they stand in the file."""
        return [row.name for row in sorted(self.station, key=lambda row: not row.early)]

    def report_keys(self) -> dict[str, bytes]:
        """Name -> public key, of the stations whose reports must be signed."""
        rows = (row for row in self.station if row.report_key)
        return {row.name: bytes.fromhex(row.report_key) for row in rows}

    def refuse_without(self, names: Iterable[str], path: Path) -> None:
        """Raises ConfigError where one of the stations `names` is missing; path: of this file."""
        known = {row.name for row in self.station}
        missing = [name for name in names if name not in known]
        if missing:
            raise ConfigError(
                f"{len(missing)} stations of this rollout are not in it, first {missing[0]!r}",
                where=str(path),
                cure="put them back, or name the inventory of its start with --stations",
            )

    def host(self, name: str) -> Host:
        """The way to a station; raises ConfigError for a name that is not there."""
        if name not in self._hosts:
            raise ConfigError(f"no station {name!r} in the inventory", cure="name one of it")
        return parse_host(self._hosts[name], self.program, self.ssh_config)

    @cached_property
    def _hosts(self) -> dict[str, str]:
        """By name, for a rollout that asks for each of many thousands."""
        return {row.name: row.host for row in self.station}


def read_inventory(path: Path) -> Inventory:
    """Read stations.toml; raises ConfigError that names every wrong key."""
    found = validate(Inventory, read_toml_document(path), str(path))
    for row in found.station if found.mqtt is None else ():
        parse_host(row.host)
    return found


def cut_groups(names: list[str], steps: str) -> list[list[str]]:
    """Cut `names` where `steps` say: "1,10,50,100%" are totals after each group.

    A percentage is rounded up. A step beyond the last station, or one that adds none, is no group;
    stations beyond the last step are in none. Raises ConfigError for steps that do not rise.
    """
    groups: list[list[str]] = []
    numbers = {"": 0, "%": 0}
    done = 0
    for step in (step.strip() for step in steps.split(",")):
        number, unit = _number(step)
        total = -(-len(names) * number // 100) if unit else number
        total = min(total, len(names))
        if number <= numbers[unit] or total < done:
            raise ConfigError(
                f"{step!r} ({total} stations) does not rise above the steps before it",
                where="--groups",
                cure=f"they are totals: {WRITE_STEPS}",
            )
        if total > done:
            groups.append(names[done:total])
        numbers[unit], done = number, total
    return groups


def _number(step: str) -> tuple[int, str]:
    """The number of a step and its unit, "%" or nothing."""
    found = STEP.fullmatch(step)
    if found is None or not int(found[1]):
        raise ConfigError(f"{step!r} is no step", where="--groups", cure=WRITE_STEPS)
    if found[2] and int(found[1]) > 100:
        raise ConfigError(f"{step!r} is more than all", where="--groups", cure=WRITE_STEPS)
    return int(found[1]), found[2]


def share(text: str) -> float:
    """A share such as "2%" or "0.02"; raises ConfigError.

    Also for "1": it may be meant as one station or 1 %, and would let every station fail.
    """
    found = SHARE.fullmatch(text.strip())
    value = -1.0 if found is None else float(found[1]) / (100 if found[2] else 1)
    if not 0 <= value <= 1 or (value == 1 and found is not None and not found[2]):
        cure = "write such as 2%; it is a share of the stations begun, and 100% lets all fail"
        raise ConfigError(f"{text!r} is no share", where="--max-failures", cure=cure)
    return value
