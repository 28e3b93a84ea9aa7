"""PLCs that are not there, or fall silent in the middle: noticed within the asked time."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.fieldbus.ethernet_ip import EthernetIpDevice, EthernetIpLink
from edge_agent.fieldbus.modbus import ModbusDevice, ModbusLink, read_words
from edge_agent.fieldbus.s7 import S7Device, S7Link
from tests.dripping import Drip, dripping


@pytest.fixture
def silent() -> Iterator[int]:
    """A port that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


def test_a_silent_modbus_plc_is_noticed(silent: int) -> None:
    link = ModbusLink(ModbusDevice(host="127.0.0.1", port=silent))
    began = time.monotonic()
    with pytest.raises(DeviceError, match="does not answer"):
        read_words(link, 0, 1)
    assert time.monotonic() - began < 2
    link.close()


def test_a_silent_ethernet_ip_plc_is_noticed(silent: int) -> None:
    link = EthernetIpLink(EthernetIpDevice(host="127.0.0.1", port=silent))
    began = time.monotonic()
    with pytest.raises(DeviceError, match="does not answer"):
        link.read("Reject", "BOOL")
    assert time.monotonic() - began < 2
    link.close()


def test_an_s7_plc_that_is_not_there_is_noticed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
    link = S7Link(S7Device(host="127.0.0.1", port=port))
    with pytest.raises(DeviceError, match="cannot be reached"):
        link.open()
    link.close()


def test_a_silent_s7_plc_is_noticed(silent: int) -> None:
    link = S7Link(S7Device(host="127.0.0.1", port=silent))
    began = time.monotonic()
    with pytest.raises(DeviceError, match="cannot be reached"):
        link.open()
    assert time.monotonic() - began < 2
    link.close()


S7_HEAD = bytes([3, 0, 0xFF, 0xFF])
"""A TPKT header that announces 65,531 bytes more (RFC 1006, section 6)."""
EIP_HEAD = b"\x65\x00\xff\xff" + bytes(20)
"""An encapsulation header that announces as many (CIP Networks Library, volume 2, 2-3.1)."""
MODBUS_HEAD = bytes([0, 1, 0, 0, 0, 0xFF, 1, 3, 0xFC])
"""An MBAP header and the beginning of an answer with 126 registers (Modbus TCP, 3.1.3)."""


def test_an_s7_plc_that_drips_its_answer_is_noticed() -> None:
    with dripping(Drip(S7_HEAD, b"\0")) as port:
        link = S7Link(S7Device(host="127.0.0.1", port=port))
        began = time.monotonic()
        with pytest.raises(DeviceError, match="cannot be reached"):
            link.open()
        assert time.monotonic() - began < 10
        link.close()


def test_an_ethernet_ip_plc_that_drips_its_answer_is_noticed() -> None:
    with dripping(Drip(EIP_HEAD, b"\0")) as port:
        link = EthernetIpLink(EthernetIpDevice(host="127.0.0.1", port=port))
        began = time.monotonic()
        with pytest.raises(DeviceError, match="does not answer"):
            link.read("Reject", "BOOL")
        assert time.monotonic() - began < 10
        link.close()


def test_a_modbus_plc_that_drips_its_answer_is_noticed() -> None:
    with dripping(Drip(MODBUS_HEAD, b"\0")) as port:
        link = ModbusLink(ModbusDevice(host="127.0.0.1", port=port))
        began = time.monotonic()
        with pytest.raises(DeviceError, match="does not answer"):
            read_words(link, 0, 1)
        assert time.monotonic() - began < 10
        link.close()
