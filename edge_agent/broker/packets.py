"""MQTT control packets as bytes, and bytes as packets: pure functions, MQTT 5 and 3.1.1.

Only what a station that publishes needs: CONNECT, PUBLISH with QoS 0 and 1, SUBSCRIBE, PING,
DISCONNECT. Written here, because a general client spends three quarters of its time on one system
call and several objects a packet, where a backlog needs hundreds of packets in one write (the
figures are rows of benchmarks.durability). Sections: OASIS MQTT 5.0.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

CONNACK, PUBLISH, PUBACK, SUBACK, PINGRESP, DISCONNECT = 2, 3, 4, 9, 13, 14
"""Packet types (section 2.1.2)."""
PINGREQ_PACKET = b"\xc0\x00"
SESSION_EXPIRY, RECEIVE_MAXIMUM, MAXIMUM_QOS, RETAIN_AVAILABLE, MAXIMUM_PACKET = 17, 33, 36, 37, 39
SERVER_KEEP_ALIVE, REASON_STRING = 19, 31
"""Property identifiers (section 2.2.2.2)."""
NO_SUBSCRIBER, TAKEN_OVER, RETAIN_REFUSED = 0x10, 0x8E, 0x9A
"""Reason codes (section 2.4) that the station treats by themselves."""
FAILURE = 0x80
"""Reason codes from here on are failures."""

_BYTE, _SHORT, _LONG, _VARINT, _TEXT, _BINARY, _PAIR = range(7)
_KINDS = {
    1: _BYTE, 2: _LONG, 3: _TEXT, 8: _TEXT, 9: _BINARY, 11: _VARINT, 17: _LONG, 18: _TEXT,
    19: _SHORT, 21: _TEXT, 22: _BINARY, 23: _BYTE, 24: _LONG, 25: _BYTE, 26: _TEXT, 28: _TEXT,
    31: _TEXT, 33: _SHORT, 34: _SHORT, 35: _SHORT, 36: _BYTE, 37: _BYTE, 38: _PAIR, 39: _LONG,
    40: _BYTE, 41: _BYTE, 42: _BYTE,
}  # fmt: skip

Properties: TypeAlias = dict[int, int | str | bytes]


class MalformedPacketError(ValueError):
    """The bytes are no MQTT."""


@dataclass(frozen=True)
class ConnAck:
    """The broker's answer to CONNECT; code 0 is a welcome."""

    code: int
    session_present: bool
    properties: Properties


@dataclass(frozen=True)
class Answer:
    """PUBACK or SUBACK of packet `number`, with its reason code."""

    kind: int
    number: int
    code: int
    reason: str = ""


@dataclass(frozen=True)
class Incoming:
    """A PUBLISH to us; number 0 with QoS 0."""

    topic: str
    payload: bytes
    number: int


@dataclass(frozen=True)
class Goodbye:
    """DISCONNECT from the broker."""

    code: int
    reason: str = ""


@dataclass(frozen=True)
class Pong:
    """PINGRESP."""


Packet: TypeAlias = ConnAck | Answer | Incoming | Goodbye | Pong


@dataclass(frozen=True)
class Will:
    """The message that the broker publishes when the station is gone."""

    topic: str
    payload: bytes
    qos: int
    retain: bool


@dataclass(frozen=True)
class Login:
    """What CONNECT carries. keeps_session: go on with the session also in MQTT 3.1.1."""

    client_id: str
    keepalive_s: int
    username: str | None = None
    password: str | None = None
    will: Will | None = None
    properties: Mapping[int, int] = field(default_factory=dict)
    keeps_session: bool = False


def connect_packet(login: Login, *, v5: bool) -> bytes:
    """CONNECT (section 3.1). MQTT 5 goes on with the session, 3.1.1 where the login says so."""
    will = login.will
    flags = 0 if v5 or login.keeps_session else 2
    body = _text(login.client_id)
    if will is not None:
        flags |= 4 | will.qos << 3 | will.retain << 5
        body += (b"\0" if v5 else b"") + _text(will.topic) + _binary(will.payload)
    if login.username is not None:
        flags |= 0x80
        body += _text(login.username)
    if login.password is not None:
        flags |= 0x40
        body += _text(login.password)
    head = _text("MQTT") + struct.pack("!BBH", 5 if v5 else 4, flags, login.keepalive_s)
    return _packet(0x10, head + (_properties(login.properties) if v5 else b"") + body)


def publish_packet(head: bytes, number: int, payload: bytes, *, v5: bool) -> bytes:
    """PUBLISH with QoS 1 (or 0, with number 0); `head` comes from publish_head."""
    middle = head[1:]
    if number:
        middle += number.to_bytes(2, "big")
    if v5:
        middle += b"\0"
    return head[:1] + _varint(len(middle) + len(payload)) + middle + payload


def publish_head(topic: str, *, qos: int, retain: bool) -> bytes:
    """The first byte of a PUBLISH and its topic: the same for all messages of a stream."""
    return bytes([0x30 | qos << 1 | retain]) + _text(topic)


def puback_packet(number: int) -> bytes:
    """PUBACK with success."""
    return b"\x40\x02" + number.to_bytes(2, "big")


def subscribe_packet(number: int, topic: str, *, v5: bool) -> bytes:
    """SUBSCRIBE to one topic with QoS 1."""
    middle = number.to_bytes(2, "big") + (b"\0" if v5 else b"")
    return _packet(0x82, middle + _text(topic) + b"\1")


def disconnect_packet(*, v5: bool) -> bytes:
    """DISCONNECT: an orderly end, after which the broker does not publish the will."""
    return b"\xe0\x02\x00\x00" if v5 else b"\xe0\x00"


def parse_packets(buffer: bytearray, *, v5: bool, limit: int) -> list[Packet]:
    """Take every whole packet off the front of `buffer`.

    Raises MalformedPacketError, also for a packet of more than `limit` bytes.
    """
    packets: list[Packet] = []
    start, end = 0, len(buffer)
    while end - start >= 2:
        size, begin = _size(buffer, start + 1)
        if begin == 0:
            break
        if size > limit:
            raise MalformedPacketError(f"a packet of {size} bytes")
        if end - begin < size:
            break
        packets.append(_parse(buffer[start], bytes(buffer[begin : begin + size]), v5))
        start = begin + size
    del buffer[:start]
    return packets


def _parse(first: int, body: bytes, v5: bool) -> Packet:
    kind = first >> 4
    try:
        if kind == PUBACK:
            # The short form, success without properties, is nearly every packet: no more work.
            if len(body) == 2:
                return Answer(PUBACK, body[0] << 8 | body[1], 0)
            return Answer(PUBACK, body[0] << 8 | body[1], body[2], _reason(body, 3))
        if kind == PUBLISH:
            return _parse_publish(first, body, v5)
        if kind == CONNACK:
            properties = _parse_properties(body, 2)[0] if v5 and len(body) > 2 else {}
            return ConnAck(body[1], bool(body[0] & 1), properties)
        if kind == SUBACK:
            return Answer(SUBACK, body[0] << 8 | body[1], body[-1])
    except (IndexError, struct.error, UnicodeDecodeError, KeyError) as error:
        raise MalformedPacketError(f"packet type {kind}: {error!r}") from error
    if kind == DISCONNECT:
        return Goodbye(body[0] if body else 0, _reason(body, 1))
    if kind == PINGRESP:
        return Pong()
    raise MalformedPacketError(f"packet type {kind}")


def _parse_publish(first: int, body: bytes, v5: bool) -> Incoming:
    size = int.from_bytes(body[:2], "big")
    topic, at, number = body[2 : 2 + size].decode(), 2 + size, 0
    if first & 6:
        number, at = int.from_bytes(body[at : at + 2], "big"), at + 2
    if v5:
        at = _parse_properties(body, at)[1]
    return Incoming(topic, body[at:], number)


def _reason(body: bytes, at: int) -> str:
    """The reason string, where there is one: a help for people, so never an error."""
    try:
        return str(_parse_properties(body, at)[0].get(REASON_STRING, "")) if len(body) > at else ""
    except (MalformedPacketError, IndexError, struct.error, UnicodeDecodeError):
        return ""


def _parse_properties(body: bytes, at: int) -> tuple[Properties, int]:
    size, at = _size(body, at)
    if at == 0 or at + size > len(body):
        raise MalformedPacketError("properties beyond the packet")
    end, found = at + size, Properties()
    while at < end:
        name = body[at]
        if name not in _KINDS:
            raise MalformedPacketError(f"property {name}")
        found[name], at = _value(_KINDS[name], body, at + 1)
    return found, end


def _value(kind: int, body: bytes, at: int) -> tuple[int | str | bytes, int]:
    if kind == _BYTE:
        return body[at], at + 1
    if kind == _SHORT:
        return int.from_bytes(body[at : at + 2], "big"), at + 2
    if kind == _LONG:
        return int.from_bytes(body[at : at + 4], "big"), at + 4
    if kind == _VARINT:
        return _size(body, at)
    size = int.from_bytes(body[at : at + 2], "big")
    value, at = body[at + 2 : at + 2 + size], at + 2 + size
    if kind == _PAIR:
        size = int.from_bytes(body[at : at + 2], "big")
        return value + b"=" + body[at + 2 : at + 2 + size], at + 2 + size
    return (value.decode() if kind == _TEXT else value), at


def _size(body: bytes | bytearray, at: int) -> tuple[int, int]:
    """A variable byte integer and where it ends; (0, 0) where it is not whole yet."""
    value = shift = 0
    while at < len(body):
        value |= (body[at] & 0x7F) << shift
        at, more = at + 1, body[at] & 0x80
        if not more:
            return value, at
        shift += 7
        if shift > 21:
            raise MalformedPacketError("a length of more than four bytes")
    return 0, 0


def _packet(first: int, body: bytes) -> bytes:
    return bytes([first]) + _varint(len(body)) + body


def _varint(value: int) -> bytes:
    if value < 128:
        return bytes((value,))
    if value < 16384:
        return bytes((value & 0x7F | 0x80, value >> 7))
    out = bytearray()
    while True:
        value, low = value >> 7, value & 0x7F
        out.append(low | (0x80 if value else 0))
        if not value:
            return bytes(out)


def _text(value: str) -> bytes:
    return _binary(value.encode())


def _binary(value: bytes) -> bytes:
    return len(value).to_bytes(2, "big") + value


def _properties(given: Mapping[int, int]) -> bytes:
    sizes = {_BYTE: 1, _SHORT: 2, _LONG: 4}
    body = b"".join(
        bytes([name]) + value.to_bytes(sizes[_KINDS[name]], "big") for name, value in given.items()
    )
    return _varint(len(body)) + body
