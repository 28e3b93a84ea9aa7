"""Who may do what: anonymous clients, and one station on the topics of another."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from dataclasses import replace

from deploy.broker.behaviour import refused
from deploy.broker.client import CheckClient
from deploy.broker.target import BrokerTarget
from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.errors import BrokerError
from edge_agent.contracts.wire.messages import CheckMessage
from edge_agent.contracts.wire.stream import topic_of
from edge_agent.contracts.wire.streams import STREAMS, outbound

OTHER = "lineside-check-other"
"""The station that this user is not."""
CURE = "write users and rights with lineside-deploy broker-config"


def rights(target: BrokerTarget) -> Iterator[CheckResult]:
    """Each topic gets one message of kind `check`, which receivers ignore."""
    yield _anonymous(target)
    yield from (_own(target, name) for name in outbound())
    yield _confirmations(target)
    yield _foreign_write(target)
    yield _foreign_read(target)


def _anonymous(target: BrokerTarget) -> CheckResult:
    what = "anonymous clients"
    if target.username is None and target.cert_file is None:
        detail = "the broker let us in without a user: whoever reaches it can forge verdicts"
        return CheckResult(what, "WARN", detail, CURE)
    try:
        with CheckClient(replace(target, username=None, password=None)):
            pass
    except BrokerError as error:
        return CheckResult(what, "OK", f"the broker does not let them in ({error.what})")
    if target.username is None:
        return CheckResult(what, "OK", "a certificate is the user")
    detail = "the broker lets in whoever gives no user"
    return CheckResult(what, "FAIL", detail, "mosquitto: allow_anonymous false; " + CURE)


def _own(target: BrokerTarget, name: str) -> CheckResult:
    topic = target.topic(name)
    denied, came = _tried(target, topic, target.station)
    if denied:
        cure = f"give this user the right to write {topic}"
        return CheckResult(f"write {name}", "FAIL", f"{topic}: {denied}", cure)
    if not came and target.protocol == "3.1.1":
        detail = f"{topic}: confirmed, and it does not come back: refused, or not readable for us"
        return CheckResult(f"write {name}", "UNKNOWN", detail, "check with MQTT 5")
    return CheckResult(f"write {name}", "OK", topic)


def _confirmations(target: BrokerTarget) -> CheckResult:
    topic = STREAMS["ack"].topic(target.prefix, target.station)
    with CheckClient(target) as client:
        denied = refused(client.subscribe(topic))
    if denied:
        cure = f"give this user the right to read {topic}"
        return CheckResult("read ack", "WARN", f"{topic}: {denied}", cure)
    return CheckResult("read ack", "OK", topic)


def _foreign_write(target: BrokerTarget) -> CheckResult:
    """Whether this user can send a verdict in the name of another station."""
    what, topic = "write as another", topic_of("verdict", target.prefix, OTHER)
    denied, came = _tried(target, topic, OTHER)
    if came or (not denied and target.protocol == "5"):
        detail = f"{topic} is taken: one station can forge the verdicts of another"
        return CheckResult(what, "WARN", detail, CURE)
    if denied:
        return CheckResult(what, "OK", f"{topic} is refused ({denied})")
    return CheckResult(what, "UNKNOWN", "MQTT 3.1.1 does not tell", "check with MQTT 5")


def _foreign_read(target: BrokerTarget) -> CheckResult:
    """Whether this user sees the retained states of other stations."""
    what, topic = "read others", topic_of("state", target.prefix, "+")
    with CheckClient(target) as client:
        denied = refused(client.subscribe(topic))
        client.receive(1 << 30, 0.5)
        others = {message.topic for message in client.messages}
    others.discard(target.topic("state"))
    if denied:
        return CheckResult(what, "OK", f"{topic} is refused ({denied})")
    if others:
        detail = f"{len(others)} states came, such as {min(others)}"
        return CheckResult(what, "WARN", f"{detail}: a station needs only its own", CURE)
    return CheckResult(what, "UNKNOWN", f"{topic} brings no other station's state")


def _tried(target: BrokerTarget, topic: str, station: str) -> tuple[str, bool]:
    """Why a message was not taken, and whether it came back, by which alone MQTT 3.1.1 tells.

    A broker may end the connection of who subscribes to what he may not read, so with MQTT 5, which
    has a code for a refused message, nobody subscribes.
    """
    old = target.protocol == "3.1.1"
    with CheckClient(target) as client:
        if old:
            client.subscribe(topic)
        denied = refused(client.publish(topic, [_message(station)]))
        return denied, old and not denied and bool(client.receive(1, 0.5))


def _message(station: str) -> bytes:
    check = CheckMessage(station=station, at_ns=time.time_ns(), nonce=uuid.uuid4().hex)
    return check.model_dump_json().encode()
