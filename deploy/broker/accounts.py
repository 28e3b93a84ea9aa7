"""The users of a broker, each with the topics it may write and read, and passwords in files."""

from __future__ import annotations

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.core.secret_file import secret_line
from edge_agent.contracts.wire.stream import topic_of
from edge_agent.contracts.wire.streams import STREAMS, outbound

COLLECTOR, VIEWER, ROLLOUT = "collector", "viewer", "rollout"
NAME = re.compile(r"[A-Za-z0-9_.-]{1,63}")
PLAIN = re.compile(r"[A-Za-z0-9_-]+")
"""Names that Home Assistant takes in a topic as they are."""


@dataclass(frozen=True)
class Account:
    """One user. write, read: topic filters."""

    name: str
    password: str
    write: tuple[str, ...]
    read: tuple[str, ...]


def accounts(
    folder: Path, stations: Sequence[str], prefix: str, sparkplug_group: str = ""
) -> list[Account]:
    """One user for each station, the collector, a viewer, and the controller of rollouts.

    Passwords stay in FOLDER/passwords/USER, so a further station changes those of no other. Raises
    ConfigError for a name that no station can have.
    """
    for name in stations:
        if not NAME.fullmatch(name) or name in (COLLECTOR, VIEWER, ROLLOUT):
            cure = "a station's id has up to 63 letters, digits, _ - and ., and is no other user"
            raise ConfigError(f"{name!r} is no station id", where="--station", cure=cure)
    found = [_station(folder, name, prefix, sparkplug_group) for name in dict.fromkeys(stations)]
    everything = f"{prefix}/#"
    ack = STREAMS["ack"].topic(prefix, "+")
    found.append(Account(COLLECTOR, _password(folder, COLLECTOR), (ack,), (everything,)))
    found.append(Account(VIEWER, _password(folder, VIEWER), (), (everything,)))
    wanted, done = (STREAMS[name].topic(prefix, "+") for name in ("desired", "update"))
    found.append(Account(ROLLOUT, _password(folder, ROLLOUT), (wanted,), (done,)))
    return found


def _station(folder: Path, name: str, prefix: str, group: str) -> Account:
    own = [stream.topic(prefix, name) for stream in outbound().values()]
    check = topic_of("check/#", prefix, name)
    discovery = [f"homeassistant/device/{name}/config"] if PLAIN.fullmatch(name) else []
    inbound = (STREAMS[one].topic(prefix, name) for one in ("ack", "desired"))
    read: tuple[str, ...] = (*inbound, check)
    write = [*own, check, *discovery]
    if group:
        node = f"spBv1.0/{group}/+/{name}"
        write += [node, f"{node}/+"]
        read = (*read, f"spBv1.0/{group}/NCMD/{name}", "spBv1.0/STATE/+")
    return Account(name, _password(folder, name), tuple(write), read)


def _password(folder: Path, name: str) -> str:
    """The password of a user; a new one where there is none yet."""
    path = folder / "passwords" / name
    if path.exists():
        return secret_line(path, "the password").strip()
    password = secrets.token_urlsafe(18)
    write_atomic(path, f"{password}\n".encode(), 0o600)
    return password
