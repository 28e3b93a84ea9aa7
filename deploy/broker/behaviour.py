"""What the broker does, tried with live messages below PREFIX/STATION/check, and cleaned up."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

from paho.mqtt.reasoncodes import ReasonCode

from deploy.broker.client import CheckClient, Last
from deploy.broker.target import BrokerTarget
from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.core.errors import BrokerError
from edge_agent.contracts.wire.streams import outbound

SESSION_S = 300
SHARED = 20


def behaviour(target: BrokerTarget, queued: int) -> Iterator[CheckResult]:
    """Largest message, retain, last will, queue of a session, shared subscriptions.

    queued: messages that are left for a subscriber that is away.
    """
    topic = target.topic(f"check/{uuid.uuid4().hex[:8]}")
    with CheckClient(target) as client:
        denied = refused(client.publish(topic, [b"check"]))
    if denied:
        cure = f"give this user the right to write and read {target.topic('check/#')}"
        detail = f"nothing is tried: {topic} is not taken ({denied})"
        yield CheckResult("live messages", "UNKNOWN", detail, cure)
        return
    yield _largest(target, topic)
    yield from _retained(target, topic)
    yield _will(target, topic)
    yield _queue(target, topic, queued)
    yield _shared(target, topic)


def refused(code: ReasonCode | None) -> str:
    """Why a message was not taken; empty where it was."""
    if code is None:
        return "no acknowledgement"
    return str(code) if code.is_failure else ""


def _largest(target: BrokerTarget, topic: str) -> CheckResult:
    size = max(stream.max_bytes for stream in outbound().values())
    with CheckClient(target) as client:
        client.subscribe(topic)
        denied = refused(client.publish(topic, [b"x" * size]))
        came = client.receive(1)
    if denied or came != [b"x" * size]:
        cure = f"allow payloads of {size} bytes (mosquitto: message_size_limit)"
        detail = denied or "taken, but it does not come back: not readable for this user, or cut"
        return CheckResult("largest message", "FAIL", f"{size} bytes: {detail}", cure)
    return CheckResult("largest message", "OK", f"{size} bytes came back whole")


def _retained(target: BrokerTarget, topic: str) -> Iterator[CheckResult]:
    kept = f"{topic}/kept"
    with CheckClient(target) as client:
        denied = refused(client.publish(kept, [b"kept"], retain=True))
    if denied:
        detail = f"a retained message is not taken ({denied}): who subscribes later sees no state"
        yield CheckResult("retained message", "FAIL", detail, "allow retained messages")
        return
    exact = _seen(target, kept)
    by_wildcard = exact and _seen(target, f"{topic}/+")
    with CheckClient(target) as client:
        client.publish(kept, [b""], retain=True)
    if not exact:
        detail = "a retained message was gone: who subscribes later does not see the state"
        yield CheckResult("retained message", "FAIL", detail, "allow retained messages")
        return
    yield CheckResult("retained message", "OK", "it is there for who subscribes later")
    if not by_wildcard:
        detail = "it does not come to a subscription with + (RabbitMQ keeps it for exact topics)"
        cure = "subscribe to the state of each station by its full topic"
        yield CheckResult("retained, wildcard", "WARN", detail, cure)
    else:
        yield CheckResult("retained, wildcard", "OK", "it comes to a subscription with +, too")


def _seen(target: BrokerTarget, topic: str) -> bool:
    with CheckClient(target) as client:
        client.subscribe(topic)
        return b"kept" in client.receive(1)


def _will(target: BrokerTarget, topic: str) -> CheckResult:
    wanted, cure = f"{topic}/will", "allow retained last wills for this user"
    with CheckClient(target) as watch:
        watch.subscribe(wanted)
        try:
            with CheckClient(target, last=Last(wanted, b"offline")) as dying:
                dying.break_off()
                came = b"offline" in watch.receive(1, 5.0)
        except BrokerError as error:
            detail = f"a client with a retained last will: the broker {error.what}"
            return CheckResult("last will", "FAIL", detail, cure)
        watch.publish(wanted, [b""], retain=True)
    if not came:
        return CheckResult("last will", "FAIL", "a station that died was not announced", cure)
    return CheckResult("last will", "OK", "a station that died was announced")


def _queue(target: BrokerTarget, topic: str, queued: int) -> CheckResult:
    """A subscriber goes away, messages are published, it comes back: which of them does it get?"""
    name = f"lineside-check-{uuid.uuid4().hex[:8]}"
    with CheckClient(target, name, session_s=SESSION_S) as away:
        away.subscribe(topic)
    with CheckClient(target) as client:
        client.publish(topic, [b"%d" % k for k in range(queued)])
    with CheckClient(target, name, fresh=False, session_s=SESSION_S) as back:
        present = back.session_present
        came = [int(payload) for payload in back.receive(queued if present else 0)]
    with CheckClient(target, name):
        pass  # a new session without expiry removes the old one
    return _judge_queue(present, came, queued)


def _judge_queue(present: bool, came: list[int], queued: int) -> CheckResult:
    what = "queue of a session"
    if not present:
        cure = "let the broker keep sessions (mosquitto: persistent_client_expiration)"
        return CheckResult(what, "FAIL", "a session was gone when its client came back", cure)
    if len(set(came)) < queued:
        kept = "the oldest" if came[:1] == [0] else "the newest"
        detail = f"{kept} {len(set(came))} of {queued} came to a subscriber that was away"
        cure = "lift the cap (mosquitto: max_queued_messages 0; RabbitMQ: no max-length policy)"
        return CheckResult(what, "FAIL", detail, cure)
    if came != sorted(came):
        detail = f"all {queued} came, not in their order"
        return CheckResult(what, "WARN", detail, "receivers must sort by event id")
    return CheckResult(what, "OK", f"all {queued} came to a subscriber that was away, in order")


def _shared(target: BrokerTarget, topic: str) -> CheckResult:
    what = "shared subscription"
    cure = "let several collectors share the load by topic hash"
    wanted = f"$share/lineside-check/{topic}"
    with CheckClient(target) as one, CheckClient(target) as two:
        announced = getattr(one.properties, "SharedSubscriptionAvailable", 1)
        if not announced:
            return CheckResult(what, "WARN", "announced as not available", cure)
        denied = refused(one.subscribe(wanted)) or refused(two.subscribe(wanted))
        if denied:
            return CheckResult(what, "WARN", f"refused ({denied})", cure)
        with CheckClient(target) as sender:
            sender.publish(topic, [b"%d" % k for k in range(SHARED)])
        first = len(one.receive(SHARED, 0.5))
        parts = [first, len(two.receive(SHARED - first, 0.5))]
    detail = f"two subscribers got {parts[0]} and {parts[1]} of {SHARED}"
    if sum(parts) != SHARED or 0 in parts:
        return CheckResult(what, "WARN", detail, cure)
    return CheckResult(what, "OK", detail)
