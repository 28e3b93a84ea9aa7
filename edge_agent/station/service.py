"""The agent's service while something works on what it owns."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from edge_agent.contracts.core.errors import DeviceError

LIMIT_S = 180
FOLLOWER = "lineside-follow.service"
"""The unit that takes part in rollouts, beside the agent."""


@contextmanager
def stopped(service: str, *, starts: bool = True, systemctl: str = "systemctl") -> Iterator[None]:
    """Stop a systemd service for the block; nothing for an empty name.

    starts: whether it is started again where the block ends well; after an error it always is.
    Raises DeviceError where systemd does not obey.
    """
    if not service:
        yield
        return
    _call(systemctl, "stop", service)
    try:
        yield
    except BaseException:
        _call(systemctl, "start", service)
        raise
    if starts:
        _call(systemctl, "start", service)


@contextmanager
def stopped_with_follower(
    service: str, *, starts: bool = True, systemctl: str = "systemctl"
) -> Iterator[None]:
    """`stopped` for the service, and for FOLLOWER too where that one runs."""
    follower = FOLLOWER if service and _runs(systemctl, FOLLOWER) else ""
    with (
        stopped(follower, starts=starts, systemctl=systemctl),
        stopped(service, starts=starts, systemctl=systemctl),
    ):
        yield


def _runs(systemctl: str, service: str) -> bool:
    command = [systemctl, "is-active", "--quiet", service]
    try:
        return subprocess.run(command, timeout=LIMIT_S, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _call(systemctl: str, verb: str, service: str) -> None:
    # A station that is not armed yet counts as starting, for minutes or for ever.
    command = [systemctl, verb, "--no-block" if verb == "start" else "--", service]
    try:
        done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        words = str(error)
    else:
        if done.returncode == 0:
            return
        words = done.stderr.decode(errors="replace").strip()
    raise DeviceError(
        f"the service does not {verb} ({words})",
        where=service,
        cure="run this as root, or name the right unit with --service ('' for none)",
    )
