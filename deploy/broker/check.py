"""All checks of a broker, in the order in which their answers help."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from deploy.broker.announced import announced
from deploy.broker.behaviour import behaviour
from deploy.broker.client import WAIT_S
from deploy.broker.rights import rights
from deploy.broker.survival import NOT_PROVEN, survival
from deploy.broker.target import BrokerTarget
from deploy.broker.transport import PLAIN_PORT, transport
from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.errors import BrokerError
from edge_agent.contracts.wire.mosquitto_conf import lint_conf


@dataclass(frozen=True)
class Depth:
    """How much is tried.

    queued: messages that are left for a subscriber that is away; cut: kills and starts the broker;
    settle_s: time that the broker has to save before it.
    """

    queued: int = 1100
    mosquitto_conf: Path | None = None
    cut: Callable[[], None] | None = None
    settle_s: float = 0.0
    plain_port: int = PLAIN_PORT


def check_broker(target: BrokerTarget, depth: Depth, now: datetime) -> Iterator[CheckResult]:
    """Each finding as soon as it is there; a broker that is away ends it. now: UTC."""
    try:
        with socket.create_connection((target.host, target.port), WAIT_S):
            pass
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        cure = "start the broker, or correct --host and --port"
        yield CheckResult("reachable", "FAIL", f"{target.address}: {reason}", cure, exit_code=4)
        return
    yield CheckResult("reachable", "OK", f"{target.address} accepts connections")
    try:
        yield from transport(target, now, depth.plain_port)
        yield from announced(target)
        yield from rights(target)
        yield from behaviour(target, depth.queued)
        if depth.cut is not None:
            yield survival(target, depth.cut, depth.settle_s)
    except BrokerError as error:
        yield CheckResult("log in", "FAIL", error.what, error.cure)
    if depth.mosquitto_conf is not None:
        yield from lint_conf(depth.mosquitto_conf)
    if depth.cut is None:
        yield NOT_PROVEN
