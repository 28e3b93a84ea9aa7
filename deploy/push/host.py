"""Speaking to a station: its own program does the work, here or at the other end of ssh.

A target is a folder on this machine (`station`, `/mnt/card/lineside`) or one on another
(`user@host:folder`). Both run `lineside-agent slots`, so there is one code path on the station.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.core.errors import ConfigError, DeviceError, StorageError

PROGRAM = "lineside-agent"
TIMEOUT_S = 900
SSH = (
    *("-o", "BatchMode=yes", "-o", "ConnectTimeout=10"),
    *("-o", "ServerAliveInterval=5", "-o", "ServerAliveCountMax=3"),
)
"""Never ask, never hang: a wrong key or a dead host is an error within seconds."""
SSH_FAILED, NOT_FOUND = 255, 127

RECEIVE = """\
set -e
umask 077
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cat > "$folder"/{name}
{trust}
umask 022
"""
"""The copy on its way is the sender's alone; what is installed, the agent's user may read."""


@dataclass(frozen=True)
class Target:
    """A station folder; `host` is empty on this machine."""

    folder: str
    host: str = ""
    program: str = PROGRAM
    ssh_config: Path | None = None

    def __str__(self) -> str:
        return f"{self.host}:{self.folder}" if self.host else self.folder


@dataclass(frozen=True)
class Answer:
    """What the station's program said."""

    code: int
    stdout: str
    stderr: str


def parse_target(text: str, program: str = PROGRAM, ssh_config: Path | None = None) -> Target:
    """`DIR` or `[user@]host:DIR`; raises ConfigError for anything else."""
    found = re.fullmatch(r"((?:[^/:@\[]+@)?(?:\[[^\]/]+\]|[^/:@\[]+)):(.+)", text)
    if found is None:
        return Target(text, program=program)
    host, folder = found[1], found[2]
    if host.startswith("-"):
        raise ConfigError(f"{host!r} is no host", where="target", cure="write user@host:DIR")
    return Target(folder, host, program, ssh_config)


def install(target: Target, bundle: Path, trust: Path | None, *, dry_run: bool) -> Answer:
    """Hand the bundle to the station's `slots install`."""
    words = ["install", "--root", target.folder, *(["--dry-run"] if dry_run else [])]
    if not target.host:
        keys = ["--trust", str(trust)] if trust else []
        return _here(["slots", *words, *keys, "--", str(bundle)])
    return _send(target, bundle, trust, words)


def ask(target: Target, *words: str) -> Answer:
    """Run `slots WORDS --root FOLDER` at the station."""
    command = ["slots", *words, "--root", target.folder]
    if not target.host:
        return _here(command)
    return _there(target, shlex.join([*shlex.split(target.program), *command]), b"")


def _here(words: list[str]) -> Answer:
    command = [sys.executable, "-P", "-m", "edge_agent", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


def _send(target: Target, bundle: Path, trust: Path | None, words: list[str]) -> Answer:
    """Stream the bundle to a temporary folder of the station and install it from there.

    One connection and no sftp, which small systems lack; the folder goes away in every case.
    """
    try:
        payload = bundle.read_bytes()
        key = trust.read_text() if trust else ""
    except (OSError, UnicodeDecodeError) as error:
        raise StorageError(
            f"cannot be read ({error})", where=str(trust or bundle), cure="check the path"
        ) from error
    name = shlex.quote(bundle.name)
    receive = RECEIVE.format(
        name=name, trust=f'printf %s {shlex.quote(key)} > "$folder"/key.pub' if key else ""
    )
    trusting = ' --trust "$folder"/key.pub' if key else ""
    command = shlex.join([*shlex.split(target.program), "slots", *words])
    script = f'{receive}{command}{trusting} -- "$folder"/{name}\n'
    return _there(target, script, payload)


def _there(target: Target, script: str, payload: bytes) -> Answer:
    ssh = shutil.which("ssh")
    if ssh is None:
        raise ConfigError(
            "ssh is not installed here", where=str(target), cure="apt install openssh-client"
        )
    config = ["-F", str(target.ssh_config)] if target.ssh_config else []
    command = [ssh, *SSH, *config, "--", target.host.replace("[", "").replace("]", "")]
    try:
        done = subprocess.run(
            [*command, f"sh -c {shlex.quote(script)}"],
            input=payload,
            capture_output=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise DeviceError(
            f"no answer within {TIMEOUT_S} s", where=str(target), cure="check the station"
        ) from error
    answer = Answer(done.returncode, done.stdout.decode(), done.stderr.decode())
    _refuse_unreached(target, answer)
    return answer


def _refuse_unreached(target: Target, answer: Answer) -> None:
    said = (answer.stderr.strip().splitlines() or ["no reason given"])[-1].rstrip(".\r")
    if answer.code == SSH_FAILED:
        raise DeviceError(
            f"cannot be reached by ssh ({said})",
            where=target.host,
            cure=f"make `ssh -o BatchMode=yes {target.host} true` work: host known, key accepted",
        )
    if answer.code == NOT_FOUND:
        raise DeviceError(
            f"has no {target.program} ({said})",
            where=target.host,
            cure="install lineside[device] there, or give its path with --program",
        )
