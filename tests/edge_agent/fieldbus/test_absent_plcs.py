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
