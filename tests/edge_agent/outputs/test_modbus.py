"""A reject coil at a PLC: what its own wire saw."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.outputs.modbus import ModbusOutput, ModbusOutputTable
from tests.edge_agent.fieldbus.plc import Plc
from tests.station_kit import wait_until


@pytest.fixture
def plc() -> Iterator[Plc]:
    plc = Plc().start()
    yield plc
    plc.stop()


def output(port: int, **keys: object) -> ModbusOutput:
    asked = {"driver": "modbus", "host": "127.0.0.1", "port": port, "address": 3, **keys}
    return ModbusOutput(ModbusOutputTable.model_validate(asked), name="gate", clock=SystemClock())


def decision(action: Action, part_id: str = "p") -> Decision:
    return Decision(part_id, Verdict.FAIL, action, "", 1.0, ())


def values(plc: Plc) -> list[int]:
    return [value for _, _, value in plc.written]


def test_the_coil_shows_safe_state_decisions_and_safe_state_again(plc: Plc) -> None:
    gate = output(plc.port)
    gate.open()
    for action in ("accept", "reject", "accept"):
        gate.write(decision(action))
    assert gate.status().read_back == "accept"
    gate.close()
    gate.close()
    assert [address for _, address, _ in plc.written] == [3] * 5
    assert values(plc) == [1, 0, 1, 0, 1]
    gate.open()
    assert gate.status().read_back == "reject"
    gate.close()


def test_a_register_takes_a_value_for_each_action(plc: Plc) -> None:
    keys = {"area": "holding_register", "accept_value": 7, "reject_value": 8, "stop_value": 9}
    gate = output(plc.port, safe_state="stop", **keys)
    gate.open()
    gate.write(decision("accept"))
    gate.write(decision("reject"))
    gate.close()
    assert values(plc) == [9, 7, 8, 9]


def test_a_pulse_ends_by_itself_and_the_next_decision_ends_it_earlier(plc: Plc) -> None:
    gate = output(plc.port, pulse_ms=500)
    gate.open()
    gate.write(decision("reject"))
    assert wait_until(lambda: values(plc) == [1, 1, 0], 5)
    assert plc.written[-1][0] - plc.written[-2][0] >= 0.495
    gate.write(decision("reject"))
    gate.write(decision("accept"))
    time.sleep(0.6)
    assert values(plc) == [1, 1, 0, 1, 0], "the pulse that was ended came back"
    gate.close()


def test_a_value_that_another_master_holds_is_a_fault(plc: Plc) -> None:
    gate = output(plc.port)
    gate.open()
    gate.write(decision("accept"))
    plc.set_input(3, True)
    assert gate.status().read_back == "reject"
    gate.close()


def test_a_plc_that_is_gone_is_a_fault_until_it_is_back() -> None:
    plc = Plc().start()
    gate = output(plc.port)
    gate.open()
    plc.stop()
    began = time.monotonic()
    with pytest.raises(DeviceError, match=r"Modbus 127\.0\.0\.1"):
        gate.write(decision("accept"))
    assert time.monotonic() - began < 5
    assert gate.status().failed == 1
    assert gate.status().fault
    again = Plc(plc.port).start()
    gate.write(decision("accept"))
    assert gate.status().fault == ""
    assert values(again) == [0]
    gate.close()
    again.stop()


@pytest.mark.parametrize(
    ("keys", "words"),
    [({"port": 1}, "cannot be reached"), ({"address": 4000}, "refuses coil 4000")],
    ids=["port", "address"],
)
def test_what_is_not_there_is_an_absent_device(
    plc: Plc, keys: dict[str, object], words: str
) -> None:
    with pytest.raises(DeviceError, match=words):
        output(**{"port": plc.port, **keys}).open()


def test_host_and_serial_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="either host or serial"):
        output(502, serial="/dev/ttyUSB0")
