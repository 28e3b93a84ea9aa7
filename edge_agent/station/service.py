"""The agent's service while something works on what it owns."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from edge_agent.contracts.core.errors import DeviceError

LIMIT_S = 180


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
