"""Whether the secrets of a broker's table are kept as secrets should be."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from edge_agent.broker.config import BrokerTable
from edge_agent.contracts.core.check_result import CheckResult

OTHERS = stat.S_IRWXG | stat.S_IRWXO


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
        if path is not None and _is_open(path):
            detail = f"{path} is open to other users of this machine"
            yield CheckResult("broker secrets", "WARN", detail, f"chmod 600 {path}")


def _is_open(path: Path) -> bool:
    try:
        return bool(path.stat().st_mode & OTHERS)
    except OSError:
        return False  # that it cannot be read is said where it is read
