"""Whether the secrets of a broker's table are kept as secrets should be."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from edge_agent.broker.config import BrokerTable
from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.secret_file import is_open


def check_secrets(config: BrokerTable) -> Iterator[CheckResult]:
    """A warning for a password that travels in the clear, and for each file open to others."""
    if config.password_file is not None and config.tls is None:
        yield CheckResult(
            "broker password",
            "WARN",
            "the password is sent without TLS: whoever sees the network can read it",
            "add [mqtt.tls] (port 8883 is usual)",
        )
    key = None if config.tls is None else config.tls.key_file
    for path in (config.password_file, key):
        if path is not None:
            yield from check_secret("broker secrets", path)


def check_secret(what: str, path: Path) -> Iterator[CheckResult]:
    """A warning for a file that others may read; root may give it to the agent's group."""
    try:
        found = path.stat()
    except OSError:
        return  # that it cannot be read is said where it is read
    if is_open(path, found):
        detail = f"{path} is open to other users of this machine"
        yield CheckResult(what, "WARN", detail, f"chmod o-rwx,g-w {path}; best: chmod 600 {path}")
