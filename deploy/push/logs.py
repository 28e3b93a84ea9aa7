"""The log of a host's agent: its journal, or a file where there is none."""

from __future__ import annotations

import re
import shlex
import subprocess
from dataclasses import dataclass

from deploy.push.host import Host
from deploy.push.ssh import show_script
from edge_agent.contracts.core.errors import ConfigError

UNIT = "lineside-agent"
NO_JOURNAL = 3


@dataclass(frozen=True)
class LogWish:
    """since: as journalctl reads it ("1 hour ago"); lines: the newest, 0 for all; file: in the
    place of the journal."""

    since: str = ""
    lines: int = 0
    follow: bool = False
    unit: str = UNIT
    file: str = ""


def show_log(host: Host, wish: LogWish) -> int:
    """Print the log until its end, or for ever; the exit code.

    Raises DeviceError for a host out of reach, ConfigError where it keeps no journal.
    """
    script = log_script(wish)
    if host.address:
        code = show_script(host.address, script, ssh_config=host.ssh_config)
    else:
        code = subprocess.run(["sh", "-c", script], check=False).returncode
    if code == NO_JOURNAL:
        raise ConfigError(
            "has no journal", where=str(host), cure="name the agent's log with --file"
        )
    return code


def log_script(wish: LogWish) -> str:
    """The shell script that prints it; raises ConfigError."""
    if wish.file:
        if wish.since:
            cure = "leave one of them out: a file's lines have no times to search by"
            raise ConfigError("--since and --file exclude each other", cure=cure)
        count = str(wish.lines) if wish.lines else "+1"
        words = ["tail", f"--lines={count}", *(["-F"] if wish.follow else []), "--", wish.file]
        return f"exec {shlex.join(words)}"
    if not re.fullmatch(r"[A-Za-z0-9@:._-]+", wish.unit):
        raise ConfigError(f"{wish.unit!r} is no unit", where="--unit", cure=f"such as {UNIT}")
    words = ["journalctl", "--no-pager", "--output=short-iso", f"--unit={wish.unit}"]
    words += [f"--since={wish.since}"] if wish.since else []
    words += [f"--lines={wish.lines}"] if wish.lines else []
    words += ["--follow"] if wish.follow else []
    return f"command -v journalctl >/dev/null || exit {NO_JOURNAL}\nexec {shlex.join(words)}"
