"""What a running board is and has, asked over ssh in one go; nothing is changed by it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources import files

from deploy.push.host import Host
from deploy.push.ssh import run_script
from edge_agent.contracts.core.errors import DeviceError

ABSENT = "none"


@dataclass(frozen=True)
class BoardState:
    """user: who is logged in; is_root: may become root without a password; wheels: of the agent
    that is installed; is_served: the agent's service is enabled and runs with what it has now;
    sums: sha256 of each file that was asked for, none where it is absent."""

    user: str = ""
    is_root: bool = False
    machine: str = ""
    python: str = ""
    hostname: str = ""
    wheels: str = ""
    is_served: bool = False
    keys: tuple[str, ...] = ()
    sums: dict[str, str] = field(default_factory=dict)


def look(host: Host, paths: Sequence[str]) -> BoardState:
    """Ask the board; raises DeviceError for one out of reach, or that answers something else."""
    script = (files("deploy") / "provision" / "look.sh").read_text(encoding="utf-8")
    words = f"set -- {shlex.join(paths)}\n" if paths else "set --\n"
    done = run_script(host.address, words + script, b"", ssh_config=host.ssh_config)
    state = parse_look(done.stdout.decode("utf-8", "replace"))
    if not state.user:
        words = done.stderr.decode("utf-8", "replace").strip()[-300:]
        raise DeviceError(
            f"gives no answer ({words})", where=host.address, cure="look at its login script"
        )
    return state


def parse_look(text: str) -> BoardState:
    """The lines of look.sh; others, as of a login script, are passed over."""
    found: dict[str, str] = {}
    keys, sums = [], {}
    for line in text.splitlines():
        word, _, rest = line.partition(" ")
        if word == "key":
            keys.append(rest)
        elif word == "file":
            digest, _, path = rest.partition(" ")
            sums[path] = "" if digest == ABSENT else digest
        else:
            found.setdefault(word, rest)
    names = ("user", "machine", "python", "hostname", "wheels")
    plain = {name: found.get(name, "") for name in names}
    return BoardState(
        **plain,
        is_root=found.get("root") == "yes",
        is_served=_is_served(found),
        keys=tuple(keys),
        sums=sums,
    )


def _is_served(found: Mapping[str, str]) -> bool:
    """A board whose systemd does not run (while it is installed) says nothing of active."""
    runs = found.get("active", "active") in ("active", "activating", "reloading")
    return runs and found.get("enabled") == "enabled" and "restart" not in found
