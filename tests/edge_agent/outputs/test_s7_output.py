"""A reject bit and word in an S7 PLC: what its own memory holds."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.brokers import free_port
from benchmarks.plc_memory import S7Memory
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.outputs.s7 import S7Output, S7OutputTable


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def plc(port: int) -> Iterator[S7Memory]:
    plc = S7Memory(port)
    yield plc
    plc.stop()


def output(port: int, address: str, **keys: object) -> S7Output:
    asked = {"driver": "s7", "host": "127.0.0.1", "port": port, "address": address, **keys}
    return S7Output(S7OutputTable.model_validate(asked), name="gate", clock=SystemClock())


def decision(action: Action) -> Decision:
    return Decision("p", Verdict.FAIL, action, "", 1.0, ())


@pytest.mark.parametrize(
    ("address", "byte", "values"),
    [("DB10.DBX3.0", 3, (1, 0, 1)), ("DB10.DBB7", 7, (9, 7, 8)), ("DB10.DBW4", 5, (9, 7, 8))],
)
def test_the_memory_shows_safe_state_decisions_and_safe_state_again(
    plc: S7Memory, port: int, address: str, byte: int, values: tuple[int, int, int]
) -> None:
    keys = {} if "X" in address else {"accept_value": 7, "reject_value": 8, "stop_value": 9}
    safe, accept, reject = values
    gate = output(port, address, safe_state="stop", **keys)
    gate.open()
    assert plc.block[byte] == safe
    gate.write(decision("accept"))
    assert plc.block[byte] == accept
    assert gate.status().read_back == "accept"
    gate.write(decision("reject"))
    assert plc.block[byte] == reject
    plc.block[byte] = accept
    assert gate.status().read_back == "accept", "what the PLC itself holds is told"
    gate.close()
    assert plc.block[byte] == safe
    assert sum(plc.block) == safe, "a neighbour was written"


def test_a_plc_that_is_gone_is_a_fault_until_it_is_back(port: int) -> None:
    plc = S7Memory(port)
    gate = output(port, "DB10.DBX3.0")
    gate.open()
    plc.stop()
    with pytest.raises(DeviceError, match=r"S7 127\.0\.0\.1"):
        gate.write(decision("accept"))
    assert gate.status().fault
    plc = S7Memory(port)
    gate.write(decision("reject"))
    assert gate.status().fault == ""
    assert plc.block[3] == 1
    gate.close()
    plc.stop()


@pytest.mark.parametrize(
    ("address", "words"),
    [("DB11.DBW0", r"refuses DB11\.DBW0"), ("DB10.DBB0", "300 does not fit"), ("Q0.0", "refuses")],
)
def test_what_is_not_there_or_does_not_fit_is_refused(
    plc: S7Memory, port: int, address: str, words: str
) -> None:
    keys = {} if "." in address and address.startswith("Q") else {"reject_value": 300}
    with pytest.raises(DeviceError, match=words):
        output(port, address, **keys).open()


@pytest.mark.parametrize("address", ["DB10.DBX3", "DB10.DBW3.1", "DB10", "X0.0", "M0.9", "MW", "I"])
def test_an_address_that_no_engineer_writes_is_refused(address: str) -> None:
    with pytest.raises(ValueError, match="none of"):
        output(102, address)
