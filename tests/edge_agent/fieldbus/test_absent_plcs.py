"""PLCs that are not there, or fall silent in the middle: noticed within the asked time."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

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


@contextmanager
def noticed(says: str, within_s: float) -> Iterator[None]:
    """What is done in it ends with a DeviceError, and in time."""
    began = time.monotonic()
    with pytest.raises(DeviceError, match=says):
        yield
    assert time.monotonic() - began < within_s


def test_a_silent_modbus_plc_is_noticed(silent: int) -> None:
    link = ModbusLink(ModbusDevice(host="127.0.0.1", port=silent))
    with noticed("does not answer", within_s=2):
        read_words(link, 0, 1)
    link.close()


def test_a_silent_ethernet_ip_plc_is_noticed(silent: int) -> None:
    link = EthernetIpLink(EthernetIpDevice(host="127.0.0.1", port=silent))
    with noticed("does not answer", within_s=2):
        link.read("Reject", "BOOL")
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
    with noticed("cannot be reached", within_s=2):
        link.open()
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
        with noticed("cannot be reached", within_s=10):
            link.open()
        link.close()


def test_an_ethernet_ip_plc_that_drips_its_answer_is_noticed() -> None:
    with dripping(Drip(EIP_HEAD, b"\0")) as port:
        link = EthernetIpLink(EthernetIpDevice(host="127.0.0.1", port=port))
        with noticed("does not answer", within_s=10):
            link.read("Reject", "BOOL")
        link.close()


def test_a_modbus_plc_that_drips_its_answer_is_noticed() -> None:
    with dripping(Drip(MODBUS_HEAD, b"\0")) as port:
        link = ModbusLink(ModbusDevice(host="127.0.0.1", port=port))
        with noticed("does not answer", within_s=10):
            read_words(link, 0, 1)
        link.close()
