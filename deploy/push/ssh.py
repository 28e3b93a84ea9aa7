"""One script at the other end of ssh: never asks, never hangs."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

from deploy.push.bounded_run import TooMuchSaidError, bounded_run
from edge_agent.contracts.core.errors import ConfigError, DeviceError

TIMEOUT_S = 900
MOST_BYTES = 16 << 20
"""Of each output: a station says less than a hundredth of it."""
OPTIONS = (
    *("-o", "BatchMode=yes", "-o", "ConnectTimeout=10"),
    *("-o", "ServerAliveInterval=10", "-o", "ServerAliveCountMax=6"),
)
"""A wrong key is an error within seconds, a dead host within a minute: a board that builds an
environment on a slow card was seen to say nothing for 15 s."""
SSH_FAILED, NOT_FOUND = 255, 127


def run_script(
    address: str,
    script: str,
    payload: bytes,
    *,
    ssh_config: Path | None = None,
    program: str = "",
    most_s: float = TIMEOUT_S,
) -> subprocess.CompletedProcess[bytes]:
    """Run the shell script at `[user@]host` with `payload` on its stdin, for `most_s` at most.

    Raises ConfigError where ssh is absent here, DeviceError for a host that cannot be reached,
    gives no answer, or one without an end, or has no `program`.
    """
    command = _command(address, script, ssh_config)
    try:
        done = bounded_run(command, payload, most_s=most_s, most_bytes=MOST_BYTES)
    except subprocess.TimeoutExpired as error:
        raise DeviceError(
            f"no answer within {most_s:g} s", where=address, cure="check the station"
        ) from error
    except TooMuchSaidError as error:
        raise DeviceError(
            f"says more than {MOST_BYTES >> 20} MiB",
            where=address,
            cure="look at what its login scripts and its program print",
        ) from error
    _refuse_unreached(address, program, done)
    return done


def show_script(address: str, script: str, *, ssh_config: Path | None = None) -> int:
    """Run the shell script at `[user@]host`, its output on ours, until it ends; its exit code.

    Raises as run_script does; a host that dies is noticed within a minute, silence is not an error.
    """
    done = subprocess.run(
        _command(address, script, ssh_config), stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode == SSH_FAILED:
        raise _unreached(address, "see the line above")
    return done.returncode


def _command(address: str, script: str, ssh_config: Path | None) -> list[str]:
    ssh = shutil.which("ssh")
    if ssh is None:
        raise ConfigError(
            "ssh is not installed here", where=address, cure="apt install openssh-client"
        )
    config = ["-F", str(ssh_config)] if ssh_config else []
    there = address.replace("[", "").replace("]", "")
    return [ssh, *OPTIONS, *config, "--", there, f"sh -c {shlex.quote(script)}"]


def _unreached(address: str, reason: str) -> DeviceError:
    return DeviceError(
        f"cannot be reached by ssh ({reason})",
        where=address,
        cure=f"make `ssh -o BatchMode=yes {address} true` work: host known, key accepted",
    )


def _refuse_unreached(address: str, program: str, done: subprocess.CompletedProcess[bytes]) -> None:
    lines = done.stderr.decode("utf-8", "backslashreplace").strip().splitlines()
    reason = (lines or ["no reason given"])[-1].rstrip(".\r")
    if done.returncode == SSH_FAILED:
        raise _unreached(address, reason)
    if done.returncode == NOT_FOUND:
        raise DeviceError(
            f"has no {program} ({reason})",
            where=address,
            cure="install lineside[device] there, or give its path with --program",
        )
