"""One address of a PLC: values as they are on the wire, and a PLC that refuses or is gone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydantic import ValidationError

pytest.importorskip("pymodbus", reason="NOT TESTED: pymodbus is not installed")

from benchmarks.brokers import free_port
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.fieldbus.modbus import Area, ModbusDevice, ModbusPoint
from tests.edge_agent.fieldbus.plc import Plc


@pytest.fixture(scope="module")
def plc() -> Iterator[Plc]:
    server = Plc().start()
    yield server
    server.stop()


def device(port: int) -> ModbusDevice:
    return ModbusDevice(host="127.0.0.1", port=port, timeout_s=1.0)


@pytest.mark.parametrize(
    ("area", "address", "values"), [("coil", 3, (1, 0)), ("holding_register", 7, (65535, 0, 12))]
)
def test_a_value_that_is_written_reads_back(
    area: Area, address: int, values: tuple[int, ...], plc: Plc
) -> None:
    point = ModbusPoint(device(plc.port), area, address)
    before = len(plc.written)
    for value in values:
        point.write(value)
        assert point.read() == value
    point.close()
    assert [row[1:] for row in plc.written[before:]] == [(address, value) for value in values]


def test_inputs_are_read(plc: Plc) -> None:
    for area in ("discrete_input", "input_register"):
        point = ModbusPoint(device(plc.port), area, 0)
        assert point.read() == 0
        point.close()


def test_an_address_that_the_plc_does_not_have_is_refused(plc: Plc) -> None:
    point = ModbusPoint(device(plc.port), "holding_register", 60_000)
    with pytest.raises(DeviceError, match=r"refuses holding_register 60000.*correct `area`"):
        point.read()
    with pytest.raises(DeviceError, match="refuses holding_register 60000"):
        point.write(1)
    point.close()


def test_a_plc_that_is_gone_is_lost_and_found_again() -> None:
    server = Plc().start()
    point = ModbusPoint(device(server.port), "coil", 1)
    point.write(1)
    server.stop()
    with pytest.raises(DeviceError):
        point.write(0)
    again = Plc(server.port).start()
    point.write(1)
    assert point.read() == 1
    point.close()
    again.stop()


def test_nobody_listens() -> None:
    port = free_port()
    with pytest.raises(DeviceError, match=f"127.0.0.1:{port}, unit 1: cannot be reached"):
        ModbusPoint(device(port), "coil", 0).open()


@pytest.mark.parametrize("table", [{}, {"host": "a", "serial": "/dev/ttyUSB0"}])
def test_a_device_is_reached_one_way(table: dict[str, str]) -> None:
    with pytest.raises(ValidationError, match="either host or serial"):
        ModbusDevice.model_validate(table)
