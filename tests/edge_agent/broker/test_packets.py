"""MQTT packets: another library reads what we write, and nothing that comes in is an exception."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from edge_agent.broker.packets import (
    Answer,
    ConnAck,
    Goodbye,
    Incoming,
    MalformedPacketError,
    Pong,
    parse_packets,
    publish_head,
    publish_packet,
)


def parsed(content: bytes, v5: bool = True) -> list[object]:
    return list(parse_packets(bytearray(content), v5=v5, limit=1 << 20))


@pytest.mark.parametrize(
    ("content", "packet"),
    [
        (b"\x40\x02\x01\x02", Answer(4, 258, 0)),
        (b"\x40\x03\x00\x07\x10", Answer(4, 7, 0x10)),
        (b"\x40\x04\x00\x07\x87\x00", Answer(4, 7, 0x87)),
        (b"\x40\x08\x00\x07\x97\x04\x1f\x00\x01x", Answer(4, 7, 0x97, "x")),
        (b"\x90\x04\x00\x01\x00\x01", Answer(9, 1, 1)),
        (b"\xe0\x00", Goodbye(0)),
        (b"\xe0\x02\x8e\x00", Goodbye(0x8E)),
        (b"\xd0\x00", Pong()),
        (b"\x20\x03\x01\x00\x00", ConnAck(0, True, {})),
        (b"\x20\x06\x00\x00\x03\x21\x00\x14", ConnAck(0, False, {33: 20})),
        (b"\x32\x0b\x00\x03a/b\x00\x09\x00hey", Incoming("a/b", b"hey", 9)),
    ],
    ids=lambda value: value.hex() if isinstance(value, bytes) else "",
)
def test_packets_of_the_standard_are_read(content: bytes, packet: object) -> None:
    assert parsed(content) == [packet]


def test_packets_of_mqtt_311_are_read() -> None:
    assert parsed(b"\x20\x02\x00\x05", v5=False) == [ConnAck(5, False, {})]
    assert parsed(b"\x32\x0a\x00\x03a/b\x00\x09hey", v5=False) == [Incoming("a/b", b"hey", 9)]


def test_properties_written_by_another_library_are_read() -> None:
    given_properties = Properties(PacketTypes.CONNACK)
    given_properties.ReceiveMaximum = 20
    given_properties.MaximumPacketSize = 268435455
    given_properties.ServerKeepAlive = 60
    given_properties.AssignedClientIdentifier = "näme"
    given_properties.UserProperty = ("a", "b")
    given_properties.ReasonString = "because"
    body = b"\x00\x00" + given_properties.pack()
    (answer,) = parsed(b"\x20" + bytes([len(body)]) + body)
    assert isinstance(answer, ConnAck)
    found = answer.properties
    assert (found[33], found[39], found[19], found[18], found[31]) == (
        20, 268435455, 60, "näme", "because",
    )  # fmt: skip


@given(cuts=st.lists(st.integers(0, 60), max_size=8), count=st.integers(1, 20))
def test_packets_that_come_in_pieces_are_read_whole(cuts: list[int], count: int) -> None:
    stream = b"".join(b"\x40\x02" + k.to_bytes(2, "big") for k in range(1, count + 1))
    buffer, found, edges = bytearray(), [], [0, *sorted(cuts), len(stream)]
    for begin, end in itertools.pairwise(edges):
        buffer += stream[begin:end]
        found += parse_packets(buffer, v5=True, limit=1000)
    assert [packet.number for packet in found if isinstance(packet, Answer)] == list(
        range(1, count + 1)
    )


@given(content=st.binary(max_size=200), v5=st.booleans())
def test_any_bytes_are_packets_or_malformed(content: bytes, v5: bool) -> None:
    try:
        parse_packets(bytearray(content), v5=v5, limit=1000)
    except MalformedPacketError:
        return


def test_packet_beyond_the_limit_is_malformed_before_it_is_here() -> None:
    with pytest.raises(MalformedPacketError, match="a packet of 268435455 bytes"):
        parsed(b"\x30\xff\xff\xff\x7f")


@pytest.mark.parametrize("size", [0, 1, 100, 127, 128, 16383, 16384, 70_000])
def test_publish_is_read_as_it_was_written(size: int) -> None:
    packet = publish_packet(
        publish_head("lineside/ä/verdict", qos=1, retain=False), 65535, b"x" * size, v5=True
    )
    assert parsed(packet) == [Incoming("lineside/ä/verdict", b"x" * size, 65535)]
