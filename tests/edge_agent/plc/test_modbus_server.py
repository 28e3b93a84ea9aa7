"""The station as Modbus server: pymodbus' own client is the PLC."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import pytest
from pymodbus.client import ModbusTcpClient

from benchmarks.brokers import free_port
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.fieldbus.modbus_server import RegisterServer
from edge_agent.plc.driver import PLCS
from edge_agent.plc.handshake_devices import Plc, build_plc
from edge_agent.plc.protocols.modbus_server import ModbusServerTable
from edge_agent.plc.reasons import OfflineReason
from edge_agent.plc.registers import decode_status
from tests.edge_agent.plc.test_link import Program


class ClientMemory:
    """A PLC that is the client: its two blocks lie in the station."""

    def __init__(self, port: int) -> None:
        self._client = ModbusTcpClient("127.0.0.1", port=port, timeout=2)
        self._client.connect()

    def read_status(self) -> list[int]:
        return list(self._client.read_holding_registers(100, count=14, device_id=1).registers)

    def write_command(self, words: Sequence[int]) -> None:
        assert not self._client.write_registers(0, list(words), device_id=255).isError()

    def stop(self) -> None:
        self._client.close()


def config(port: int, **keys: object) -> ModbusServerTable:
    base = {"driver": "modbus_server", "listen": "127.0.0.1", "port": port}
    return ModbusServerTable.model_validate({**base, "trigger_gap_ms": 2000, **keys})


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def plc(port: int) -> Iterator[Plc]:
    plc = build_plc(config(port), clock=SystemClock(), held=bool)
    plc.output.open()
    plc.follow_state("armed", is_running=True)
    yield plc
    plc.output.close()


def test_trigger_to_result_for_a_plc_that_asks(plc: Plc, port: int) -> None:
    memory = ClientMemory(port)
    program = Program(memory)
    first = program.inspect(plc, 300, "reject")
    second = program.inspect(plc, 301, "accept")
    memory.stop()
    assert (first.verdict, second.verdict, second.result_part_number) == (2, 1, 301)
    assert second.acquisition_id == first.acquisition_id % 65535 + 1


def test_a_plc_that_falls_silent_enables_nothing_and_may_come_back(plc: Plc, port: int) -> None:
    memory = ClientMemory(port)
    program = Program(memory)
    program.wait(online=1, ready=1)
    memory.stop()
    time.sleep(1.2)
    again = ClientMemory(port)
    seen = decode_status(again.read_status())
    assert (seen.ready, seen.offline_reason) == (0, OfflineReason.NOT_ENABLED)
    assert Program(again).inspect(plc, 2, "accept").verdict == 1
    again.stop()


def test_the_status_block_cannot_be_written_and_no_other_register_is_there(
    plc: Plc, port: int
) -> None:
    del plc
    with ModbusTcpClient("127.0.0.1", port=port) as client:
        assert client.write_register(101, 7).isError()
        assert client.write_registers(2, [1, 2]).isError()
        assert client.read_holding_registers(114, count=1).isError()
        assert client.read_holding_registers(101, count=1).registers != [7]


def test_a_port_that_is_taken_is_an_absent_device(plc: Plc, port: int) -> None:
    del plc
    second = RegisterServer(
        "127.0.0.1", port, writable=(0, 3), readable=(100, 14), clock=SystemClock()
    )
    with pytest.raises(DeviceError, match="cannot be opened"):
        second.start()


def test_a_station_that_stopped_answers_no_more(port: int) -> None:
    plc = build_plc(config(port), clock=SystemClock(), held=bool)
    for _ in range(2):
        plc.output.open()
        with ModbusTcpClient("127.0.0.1", port=port) as client:
            assert client.read_holding_registers(100, count=1).registers == [1]
        plc.output.close()
        assert not ModbusTcpClient("127.0.0.1", port=port, timeout=0.2).connect()


def test_blocks_must_lie_apart() -> None:
    assert PLCS.find("modbus_server").config is ModbusServerTable
    with pytest.raises(ValueError, match="overlap"):
        config(502, status_address=2)
