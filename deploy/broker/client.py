"""One connection of a check, its network served by paho's own thread."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
import uuid
from dataclasses import dataclass
from typing import Self

from paho.mqtt.client import Client, ConnectFlags, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from deploy.broker.target import BrokerTarget
from edge_agent.contracts.core.errors import BrokerAwayError, BrokerError

WAIT_S = 5.0
CURES = {
    "Not authorized": "check --username and --password-file, and the rights of this user",
    "Bad user name or password": "check --username and --password-file",
    "Unsupported protocol version": "try --protocol 3.1.1, or a broker that knows MQTT 5",
    "Quota exceeded": "the broker is full or limits its clients: raise its limits",
}


@dataclass(frozen=True)
class Last:
    """A last will."""

    topic: str
    payload: bytes


class CheckClient:
    """Connects in `with`; raises BrokerError where the broker refuses it or does not answer.

    session_s: how long the broker shall keep the session; fresh: begin a new one.
    """

    def __init__(
        self,
        target: BrokerTarget,
        client_id: str = "",
        *,
        fresh: bool = True,
        session_s: int = 0,
        last: Last | None = None,
    ) -> None:
        self.session_present = False
        self.properties: Properties | None = None
        self.messages: list[MQTTMessage] = []
        self.lost = False
        self._target = target
        self._fresh = fresh
        self._session_s = session_s
        self._answer: ReasonCode | None = None
        self._codes: dict[tuple[str, int], ReasonCode] = {}
        self._change = threading.Condition()
        self._client = self._build(client_id or f"lineside-check-{uuid.uuid4().hex[:8]}")
        if last is not None:
            self._client.will_set(last.topic, last.payload, qos=1, retain=True)

    def __enter__(self) -> Self:
        try:
            self._connect()
        except ssl.SSLError as error:
            raise self._error(f"TLS fails ({error})", tls_cure(error)) from error
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            cure = "start the broker, or correct --host and --port"
            raise BrokerAwayError(
                f"cannot be reached ({reason})", where=self._target.address, cure=cure
            ) from error
        self._client.loop_start()
        with self._change:
            self._change.wait_for(lambda: self._answer is not None or self.lost, WAIT_S)
        answer = self._answer
        if answer is None or answer.is_failure:
            self.close()
            raise self._refusal(answer)
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Say goodbye; twice is fine."""
        self._client.disconnect()
        self._client.loop_stop()
        self._let_go()

    def break_off(self) -> None:
        """End the connection without a word, as a power cut does."""
        link = self._client.socket()
        if isinstance(link, socket.socket):
            with contextlib.suppress(OSError):  # it is broken already
                link.shutdown(socket.SHUT_RDWR)
        self._client.loop_stop()
        if link is not None:
            link.close()
        self._let_go()

    def _let_go(self) -> None:
        """No circle keeps the client: its own sockets close when nobody has it any more."""
        client = self._client
        client.on_connect = client.on_disconnect = client.on_message = None
        client.on_publish = client.on_subscribe = None

    def subscribe(self, topic: str) -> ReasonCode | None:
        """Subscribe with QoS 1; returns the answer, None where none came in time."""
        mid = self._client.subscribe(topic, qos=1)[1]
        return self._code("subscribe", mid, WAIT_S)

    def publish(
        self, topic: str, payloads: list[bytes], *, retain: bool = False
    ) -> ReasonCode | None:
        """Publish with QoS 1; returns the answer to the last one, None where one is missing."""
        mids = [self._client.publish(topic, p, qos=1, retain=retain).mid for p in payloads]
        until = time.monotonic() + WAIT_S + len(payloads) / 500
        codes = [self._code("publish", mid, max(0.0, until - time.monotonic())) for mid in mids]
        return None if None in codes else codes[-1]

    def receive(self, count: int, silence_s: float = 1.0) -> list[bytes]:
        """Wait for `count` messages, for silence, or for the end; returns all that came."""
        with self._change:
            while len(self.messages) < count and not self.lost and self._change.wait(silence_s):
                pass
            return [bytes(message.payload) for message in self.messages]

    # --- paho

    def _build(self, client_id: str) -> Client:
        old = self._target.protocol == "3.1.1"
        client = Client(
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            clean_session=not self._session_s if old else None,
            protocol=MQTTv311 if old else MQTTv5,
            # What a lost connection leaves unanswered is the finding: it is not sent again.
            reconnect_on_failure=False,
        )
        client.connect_timeout = WAIT_S
        client.max_inflight_messages_set(100)
        client.max_queued_messages_set(0)
        if self._target.username is not None:
            client.username_pw_set(self._target.username, self._target.password)
        if self._target.ca_file is not None:
            client.tls_set_context(self._target.tls_context())
        client.on_connect = lambda _c, _u, flags, code, given: self._connected(flags, code, given)
        client.on_disconnect = lambda *_: self._ended()
        client.on_message = lambda _c, _u, message: self._came(message)
        client.on_publish = lambda _c, _u, mid, code, _p: self._note("publish", mid, code)
        client.on_subscribe = lambda _c, _u, mid, codes, _p: self._note("subscribe", mid, codes[0])
        return client

    def _connect(self) -> None:
        host, port = self._target.host, self._target.port
        if self._target.protocol == "3.1.1":
            self._client.connect(host, port, keepalive=15)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = self._session_s
        self._client.connect(
            host, port, keepalive=15, clean_start=self._fresh, properties=properties
        )

    def _connected(self, flags: ConnectFlags, code: ReasonCode, given: Properties | None) -> None:
        with self._change:
            self._answer = code
            self.session_present = flags.session_present
            self.properties = given
            self._change.notify_all()

    def _ended(self) -> None:
        with self._change:
            self.lost = True
            self._change.notify_all()

    def _came(self, message: MQTTMessage) -> None:
        with self._change:
            self.messages.append(message)
            self._change.notify_all()

    def _note(self, kind: str, mid: int, code: ReasonCode) -> None:
        with self._change:
            self._codes[kind, mid] = code
            self._change.notify_all()

    def _code(self, kind: str, mid: int | None, limit_s: float) -> ReasonCode | None:
        if mid is None:
            return None
        with self._change:
            self._change.wait_for(lambda: (kind, mid) in self._codes or self.lost, limit_s)
            return self._codes.get((kind, mid))

    def _refusal(self, answer: ReasonCode | None) -> BrokerError:
        if answer is not None:
            cure = CURES.get(str(answer), "see the broker's log")
            return self._error(f"refuses us ({answer})", cure)
        if self.lost:
            return self._error("closes the connection when we log in", CURES_CLOSED)
        return self._error("does not answer like an MQTT broker", "check --port and --ca-file")

    def _error(self, what: str, cure: str) -> BrokerError:
        return BrokerError(what, where=self._target.address, cure=cure)


CURES_CLOSED = "if the port expects TLS give --ca-file, else try --protocol 3.1.1; see its log"


def tls_cure(error: OSError) -> str:
    """What to do after a failed handshake."""
    text = str(error).lower()
    if "not yet valid" in text:
        return "set the clock (it is before the certificate's first day)"
    if "expired" in text:
        return "renew the broker's certificate, or set the clock"
    if "mismatch" in text:
        return "give --host as a name that is in the broker's certificate"
    if "verify failed" in text:
        return "give --ca-file of the authority that signed the broker's certificate"
    if "wrong_version_number" in text or "record layer" in text:
        return "this port does not speak TLS: give --port (8883 is usual), or no --ca-file"
    return "check --ca-file, --cert-file and --key-file; see the broker's log"
