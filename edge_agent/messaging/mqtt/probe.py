"""Is the broker there, does it let us in, does it take every topic of ours and keep what it takes?

Each real topic gets one message of kind `check`, which receivers ignore; everything else happens
below PREFIX/STATION/check and is cleaned up. A user with rights on the real topics alone is enough:
what needs more is then UNKNOWN, not a fault.
"""

from __future__ import annotations

import socket
import time
import uuid
from contextlib import ExitStack

from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from edge_agent.broker.address import address
from edge_agent.broker.packets import Will
from edge_agent.broker.secrets import check_secrets
from edge_agent.contracts.core.check_result import CheckResult, Grade
from edge_agent.contracts.core.errors import BrokerError
from edge_agent.contracts.wire.messages import CheckMessage
from edge_agent.contracts.wire.streams import STREAMS, outbound
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.probe_client import SILENCE_S, WAIT_S, ProbeClient

QUEUED = 1100
"""Messages left for a subscriber that is away: mosquitto's default keeps 1000 of them."""
SESSION_S = 120


def probe_broker(config: MqttTable, station: str, client_id: str) -> list[CheckResult]:
    """What can be said of the broker from here, the first failure last."""
    where = address(config)
    try:
        with socket.create_connection((config.host, config.port), WAIT_S):
            found = [CheckResult("broker reachable", "OK", f"{where} accepts connections")]
    except (OSError, UnicodeError) as error:
        cure = "start the broker, or correct mqtt.host and mqtt.port"
        reason = getattr(error, "strerror", None) or error
        # What is wrong with files of secrets shows without a broker, too.
        away = CheckResult("broker reachable", "FAIL", f"{where}: {reason}", cure, exit_code=4)
        return [*check_secrets(config), away]
    name = f"{client_id}-check-{uuid.uuid4().hex[:8]}"
    topic = f"{config.topic_prefix}/{station}/check/{uuid.uuid4().hex[:8]}"
    try:
        with ProbeClient(config, name) as client:
            found.append(CheckResult("broker lets us in", "OK", _how(config)))
            found.append(_limits(client.limits))
        found += _takes(config, name, station)
        found += _confirmations(config, name, station)
        if config.protocol == "5":
            found.append(_keeps_session(config, name, topic))
        found.append(_keeps_state(config, name, station, topic))
    except BrokerError as error:
        failed = CheckResult("broker lets us in", "FAIL", error.what, error.cure)
        return [*found, *check_secrets(config), failed]
    return [*found, *check_secrets(config), NOT_PROVEN]


NOT_PROVEN = CheckResult(
    "broker survives a power cut",
    "UNKNOWN",
    "nobody can see from here whether what it acknowledged is on its disk",
    "mosquitto: persistence true, autosave_interval 1 (see --mosquitto-conf); or ack = "
    '"application"',
)


def _how(config: MqttTable) -> str:
    user = f"as {config.username}" if config.username else "without a user"
    return f"MQTT {config.protocol}, {user}, {'TLS' if config.tls else 'not encrypted'}"


def _limits(properties: Properties | None) -> CheckResult:
    """QoS and sizes that the broker announced (MQTT 5.0, section 3.2.2.3)."""
    limits = {
        name: getattr(properties, name)
        for name in ("ReceiveMaximum", "MaximumQoS", "RetainAvailable", "MaximumPacketSize")
        if hasattr(properties, name)
    }
    what = "broker's limits"
    text = ", ".join(f"{name} {value}" for name, value in limits.items()) or "none announced"
    if limits.get("MaximumQoS", 2) < 1:
        return CheckResult(what, "FAIL", text, "allow QoS 1 at the broker")
    if limits.get("RetainAvailable", 1) == 0:
        detail = f"{text}: who subscribes later does not see the state"
        return CheckResult(what, "WARN", detail, "allow retained messages at the broker")
    needed = max(stream.max_bytes for stream in outbound().values()) + 1024
    if limits.get("MaximumPacketSize", 1 << 20) < needed:
        return CheckResult(what, "FAIL", text, f"allow packets of {needed} bytes")
    return CheckResult(what, "OK", text)


def _takes(config: MqttTable, name: str, station: str) -> list[CheckResult]:
    """Whether the broker takes each real topic of ours, as far as it tells.

    A connection for each topic, as a broker may end one on which it refuses something; all of them
    wait for what comes back in one silence.
    """
    streams = list(outbound().values())
    with ExitStack() as open_ones:
        clients = [
            open_ones.enter_context(ProbeClient(config, f"{name}-{stream.name}"))
            for stream in streams
        ]
        codes = [
            _publish(client, stream.topic(config.topic_prefix, station), station)
            for client, stream in zip(clients, streams, strict=True)
        ]
        until_s = time.monotonic() + SILENCE_S
        came = [client.receive(1, max(0.0, until_s - time.monotonic())) for client in clients]
    return [
        _taken(config, stream.name, stream.topic(config.topic_prefix, station), code, count > 0)
        for stream, code, count in zip(streams, codes, came, strict=True)
    ]


def _publish(client: ProbeClient, topic: str, station: str) -> ReasonCode | None:
    """Listen to a real topic and publish what receivers ignore; the broker's answer to it."""
    message = CheckMessage(station=station, at_ns=time.time_ns(), nonce=uuid.uuid4().hex)
    client.subscribe(topic)
    return client.publish(topic, [message.model_dump_json().encode()])


def _taken(
    config: MqttTable, name: str, topic: str, code: ReasonCode | None, came: bool
) -> CheckResult:
    what, cure = f"topic {name}", f"give this user the right to write {topic}"
    if code is None:
        return CheckResult(what, "FAIL", "no acknowledgement", cure)
    if code.is_failure:
        return CheckResult(what, "FAIL", f"the broker refuses it ({code})", cure)
    if came:
        return CheckResult(what, "OK", f"{topic}: taken and delivered")
    if config.protocol == "5":
        return CheckResult(what, "OK", f"{topic}: taken (this user may not read it back)")
    # MQTT 3.1.1 acknowledges what it throws away: only what comes back is known to be taken.
    grade: Grade = "WARN" if config.ack == "application" else "FAIL"
    detail = f"{topic}: acknowledged, but it does not come back: refused, or not readable for us"
    return CheckResult(what, grade, detail, f"{cure}, and for this check to read it")


def _confirmations(config: MqttTable, name: str, station: str) -> list[CheckResult]:
    """Who confirms, and whether we may listen to it."""
    what = "confirmations"
    if config.ack == "broker" and config.protocol == "3.1.1":
        detail = "a broker of MQTT 3.1.1 confirms what it refuses, too"
        cure = 'mqtt.protocol = "5", or ack = "application"'
        return [CheckResult(what, "WARN", detail, cure)]
    if config.ack == "broker":
        return []
    topic = STREAMS["ack"].topic(config.topic_prefix, station)
    with ProbeClient(config, f"{name}-ack") as client:
        code = client.subscribe(topic)
    if code is None or code.is_failure:
        cure = f"give this user the right to read {topic}"
        return [CheckResult(what, "FAIL", f"no subscription to {topic} ({code})", cure)]
    return [CheckResult(what, "OK", f"a receiver may confirm on {topic}")]


def _denied(code: ReasonCode | None, topic: str) -> str:
    """Why a test below the topic `check` says nothing; empty where it does."""
    if code is not None and not code.is_failure:
        return ""
    return f"not tried: this user may not write below {topic.rsplit('/', 1)[0]}"


def _keeps_session(config: MqttTable, name: str, topic: str) -> CheckResult:
    """A subscriber goes away, messages are published, it comes back: does it get all of them?"""
    what = "broker keeps a session"
    with ProbeClient(config, f"{name}-2") as client:
        denied = _denied(client.publish(topic, [b"probe"]), topic)
    if denied:
        return CheckResult(what, "UNKNOWN", denied)
    with ProbeClient(config, name, session_s=SESSION_S) as away:
        away.subscribe(topic)
    with ProbeClient(config, f"{name}-2") as client:
        client.publish(topic, [b"%d" % k for k in range(QUEUED)])
    with ProbeClient(config, name, fresh=False) as back:
        if not back.session_present:
            cure = "let the broker keep sessions (mosquitto: persistent_client_expiration)"
            return CheckResult(what, "WARN", "our session was gone after a reconnection", cure)
        came = back.receive(QUEUED)
    if came < QUEUED:
        detail = f"a subscriber that was away got {came} of {QUEUED} messages"
        return CheckResult(what, "WARN", detail, "mosquitto: max_queued_messages 0")
    return CheckResult(what, "OK", f"a subscriber that was away got all {QUEUED} messages")


def _keeps_state(config: MqttTable, name: str, station: str, topic: str) -> CheckResult:
    """Whether a retained will is accepted, as the agent has one, and a retained message kept."""
    what, retained = "broker keeps the state", f"{topic}/retained"
    cure = "allow retained messages at the broker"
    will = Will(STREAMS["state"].topic(config.topic_prefix, station), b"", qos=1, retain=True)
    try:
        with ProbeClient(config, f"{name}-will", will=will):
            pass
    except BrokerError as error:
        detail = f"a retained last will is refused ({error.what})"
        return CheckResult(
            what, "WARN", f"{detail}: who subscribes later does not see the state", cure
        )
    with ProbeClient(config, name) as client:
        denied = _denied(client.publish(retained, [b"kept"], retain=True), topic)
    if denied:
        return CheckResult(what, "UNKNOWN", denied)
    with ProbeClient(config, name) as client:
        client.subscribe(retained)
        came = client.receive(1)
        client.publish(retained, [b""], retain=True)
    if came:
        return CheckResult(what, "OK", "a retained message is there after a reconnection")
    if config.protocol != "5":
        return CheckResult(what, "UNKNOWN", "it did not come back: refused, or not readable for us")
    return CheckResult(what, "FAIL", "a retained message was gone", cure)
