"""Does the broker still have what it acknowledged, after it was killed? Only a kill can tell."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from deploy.broker.client import CheckClient
from deploy.broker.target import BrokerTarget
from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.errors import BrokerError

MESSAGES = 500
SESSION_S = 600
BACK_S = 60.0
NOT_PROVEN = CheckResult(
    "survives a power cut",
    "UNKNOWN",
    "nobody can see from here whether what it acknowledged is on its disk",
    "give --cut CMD, which kills the broker and starts it; else mosquitto: --mosquitto-conf FILE; "
    'or ack = "application" in station.toml, with lineside-deploy collect',
)
CURE = (
    "mosquitto: persistence true, autosave_interval 1; RabbitMQ: durable queues; in any case "
    'ack = "application" in station.toml, with lineside-deploy collect'
)


def survival(target: BrokerTarget, cut: Callable[[], None], settle_s: float) -> CheckResult:
    """Messages for a subscriber that is away are acknowledged; then `cut` kills and starts the
    broker, `settle_s` after the last acknowledgement. How many are left?
    """
    topic = target.topic(f"check/{uuid.uuid4().hex[:8]}")
    name = f"lineside-check-{uuid.uuid4().hex[:8]}"
    # Not a new session: mosquitto 2.0 saves only those that were not begun with a clean start.
    with CheckClient(target, name, fresh=False, session_s=SESSION_S) as away:
        away.subscribe(topic)
    with CheckClient(target) as client:
        code = client.publish(topic, [b"%d" % k for k in range(MESSAGES)])
    if code is None or code.is_failure:
        detail = f"{topic} is not taken ({code})"
        return CheckResult("survives a power cut", "UNKNOWN", detail)
    time.sleep(settle_s)
    cut()
    _wait(target)
    with CheckClient(target, name, fresh=False, session_s=SESSION_S) as back:
        came = set(back.receive(MESSAGES)) if back.session_present else set()
    with CheckClient(target, name):
        pass  # a new session without expiry removes the old one
    if len(came) < MESSAGES:
        detail = f"{len(came)} of {MESSAGES} acknowledged messages are left"
        return CheckResult("survives a power cut", "FAIL", detail, CURE)
    return CheckResult("survives a power cut", "OK", f"all {MESSAGES} messages were still there")


def _wait(target: BrokerTarget) -> None:
    """Until the broker lets us in again; raises BrokerError after BACK_S."""
    until = time.monotonic() + BACK_S
    while True:
        try:
            with CheckClient(target):
                return
        except BrokerError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)
