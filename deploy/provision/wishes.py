"""The station that the command line asks for, read and checked before a board is touched."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deploy.broker.certificates import CA
from deploy.flash.board import public_keys, read_file
from deploy.flash.boot_files import WHEELS_SHA256, wheel_files
from deploy.provision.plan import STATION, BoardFile, Wanted, board_path, unit_file
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.secret_file import read_secret
from edge_agent.contracts.core.toml import read_toml_document

HOSTNAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
MACHINE = re.compile(r"_(aarch64|x86_64)\.whl$")
MAKE_USER = "make the station's user there: `lineside-deploy broker-config`"


@dataclass(frozen=True)
class Order:
    """What the command line gives. broker: the folder that `broker-config` wrote."""

    station: Path
    hostname: str = ""
    keys: tuple[Path, ...] = ()
    wheels: Path | None = None
    broker: Path | None = None


@dataclass(frozen=True)
class Wishes:
    """The station, the files of its wheels, and where its certificate lies (or nowhere)."""

    wanted: Wanted
    wheels: Mapping[str, bytes | Path]
    certificate: str = ""


def read_order(order: Order) -> Wishes:
    """Read every file that the order names; raises ConfigError."""
    document = read_toml_document(order.station)
    station_id = str(_table(document, "station").get("id", ""))
    if not station_id:
        cure = "give it a name: [station] id"
        raise ConfigError("names no station", where=str(order.station), cure=cure)
    if order.hostname and not HOSTNAME.fullmatch(order.hostname):
        cure = "lower-case letters, digits and -"
        raise ConfigError(f"{order.hostname!r} is no host name", where="--hostname", cure=cure)
    own, certificate = _broker_files(order, document, station_id)
    wheels = wheel_files(order.wheels) if order.wheels else {}
    stamp = wheels.get(WHEELS_SHA256, b"")
    machines = {found[1] for name in wheels if (found := MACHINE.search(name))}
    wanted = Wanted(
        station_id=station_id,
        files=(BoardFile(STATION, read_file(order.station)), *own, unit_file()),
        hostname=order.hostname,
        keys=tuple(line for path in order.keys for line in public_keys(path)),
        wheels=stamp.decode() if isinstance(stamp, bytes) else "",
        machine=next(iter(machines), ""),
    )
    return Wishes(wanted, wheels, certificate)


def _broker_files(
    order: Order, document: Mapping[str, object], station_id: str
) -> tuple[list[BoardFile], str]:
    """The broker's authority and the station's password, and where its certificate lies."""
    mqtt = _table(document, "mqtt")
    tls = _table(mqtt, "tls")
    if order.broker is None:
        return [], ""
    where, found = str(order.station), []
    if "ca_file" in tls:
        path = board_path(str(tls["ca_file"]), where)
        found.append(BoardFile(path, read_file(order.broker / CA), secret=False))
    if "password_file" in mqtt:
        path = board_path(str(mqtt["password_file"]), where)
        password = order.broker / "passwords" / station_id
        found.append(BoardFile(path, read_secret(password, "the password", MAKE_USER)))
    return found, board_path(str(tls["cert_file"]), where) if "cert_file" in tls else ""


def _table(document: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = document.get(name)
    return found if isinstance(found, dict) else {}
