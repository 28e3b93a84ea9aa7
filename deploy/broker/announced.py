"""What the broker announces of its limits when a client logs in (MQTT 5.0, section 3.2.2.3)."""

from __future__ import annotations

from collections.abc import Iterator

from deploy.broker.client import CheckClient
from deploy.broker.target import BrokerTarget
from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.wire.streams import STREAMS, outbound

DAY_S = 86400
NEEDED_SESSION_S = 7 * DAY_S
"""A weekend and a holiday: what comes meanwhile must find the collector's session."""
NEEDED_WINDOW = 20
HEAD_BYTES = 1024
"""Topic, properties and header around a payload."""


def announced(target: BrokerTarget) -> Iterator[CheckResult]:
    """Version, QoS, sizes, window and session; raises BrokerError where nobody lets us in."""
    with CheckClient(target, session_s=NEEDED_SESSION_S) as client:
        given = client.properties
        names = () if given is None else LIMITS
        limits = {name: int(getattr(given, name)) for name in names if hasattr(given, name)}
    user = f"as {target.username}" if target.username else "without a user"
    yield CheckResult("log in", "OK", f"MQTT {target.protocol}, {user}")
    if target.protocol != "5":
        yield CheckResult(
            "MQTT version",
            "WARN",
            "MQTT 3.1.1 has no code by which a broker refuses a message: it confirms what it drops",
            'use MQTT 5, or ack = "application" in station.toml with lineside-deploy collect',
        )
        return
    yield _qos(limits.get("MaximumQoS", 2))
    yield _sizes(limits.get("MaximumPacketSize", 268_435_455))
    yield _window(limits.get("ReceiveMaximum", 65535))
    yield _session(limits.get("SessionExpiryInterval", NEEDED_SESSION_S))
    yield _retain(limits.get("RetainAvailable", 1))


LIMITS = (
    "ReceiveMaximum",
    "MaximumQoS",
    "RetainAvailable",
    "MaximumPacketSize",
    "SessionExpiryInterval",
)


def _qos(highest: int) -> CheckResult:
    if highest < 1:
        return CheckResult("QoS", "FAIL", "at most 0: nothing is confirmed", "allow QoS 1")
    return CheckResult("QoS", "OK", f"up to {highest}; Lineside uses 1")


def _sizes(largest: int) -> CheckResult:
    needed = max(stream.max_bytes for stream in outbound().values()) + HEAD_BYTES
    if largest < needed:
        cure = f"allow packets of {needed} bytes (mosquitto: max_packet_size)"
        return CheckResult("packet size", "FAIL", f"at most {largest} bytes", cure)
    confirmation = STREAMS["ack"].max_bytes + HEAD_BYTES
    if largest < confirmation:
        detail = f"at most {largest} bytes: enough for stations, less than the largest confirmation"
        cure = f"allow {confirmation} bytes, or let the collector commit smaller batches"
        return CheckResult("packet size", "WARN", detail, cure)
    return CheckResult("packet size", "OK", f"at most {largest} bytes")


def _window(receive_maximum: int) -> CheckResult:
    detail = f"{receive_maximum} messages under way"
    if receive_maximum < NEEDED_WINDOW:
        cure = f"allow {NEEDED_WINDOW} (mosquitto: max_inflight_messages; RabbitMQ: mqtt.prefetch)"
        return CheckResult("window", "WARN", f"{detail}: a backlog drains slowly", cure)
    return CheckResult("window", "OK", detail)


def _session(seconds: int) -> CheckResult:
    detail = f"kept for {seconds / DAY_S:.3g} days at most, asked for {NEEDED_SESSION_S / DAY_S:g}"
    if seconds < NEEDED_SESSION_S:
        cure = (
            "raise it (RabbitMQ: mqtt.max_session_expiry_interval_seconds; mosquitto: "
            "persistent_client_expiration)"
        )
        harm = "a collector that is away longer loses what comes meanwhile"
        return CheckResult("session expiry", "WARN", f"{detail}: {harm}", cure)
    return CheckResult("session expiry", "OK", f"{NEEDED_SESSION_S / DAY_S:g} days are not refused")


def _retain(available: int) -> CheckResult:
    if not available:
        detail = "announced as not available: who subscribes later does not see the state"
        return CheckResult("retain", "WARN", detail, "allow retained messages")
    return CheckResult("retain", "OK", "announced as available")
