"""A reject tag in an EtherNet/IP PLC, and a trigger by tag: cpppo's server is the PLC."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pylogix import PLC

from benchmarks.brokers import free_port
from benchmarks.plc_memory import EthernetIpMemory
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.outputs.ethernet_ip import EthernetIpOutput, EthernetIpOutputTable
from edge_agent.trigger.ethernet_ip import EthernetIpTrigger, EthernetIpTriggerTable
from tests.edge_agent.fieldbus.plc import skip_without_ethernet_ip

PORT = free_port()


@pytest.fixture(scope="module")
def plc() -> Iterator[EthernetIpMemory]:
    skip_without_ethernet_ip()
    plc = EthernetIpMemory(PORT, "Reject=BOOL", "Word=INT", "Parts=INT", "Barrier=BOOL")
    yield plc
    plc.stop()


def read(tag: str) -> int:
    """What the PLC itself holds, by a connection of its own."""
    with PLC("127.0.0.1", port=PORT) as plant:
        plant.conn.msg_socket.close()
        return int(plant.Read(tag).Value)


def write(tag: str, value: int, kind: str) -> None:
    """What the plant's wires do."""
    with PLC("127.0.0.1", port=PORT) as plant:
        plant.conn.msg_socket.close()
        assert plant.Write(tag, value, {"BOOL": 0xC1, "INT": 0xC3}[kind]).Status == "Success"


def table(**keys: object) -> dict[str, object]:
    base = {"driver": "ethernet_ip", "host": "127.0.0.1", "port": PORT, "timeout_s": 2}
    return {**base, **keys}


def output(**keys: object) -> EthernetIpOutput:
    config = EthernetIpOutputTable.model_validate(table(**keys))
    return EthernetIpOutput(config, name="gate", clock=SystemClock())


def trigger(**keys: object) -> EthernetIpTrigger:
    config = EthernetIpTriggerTable.model_validate(table(**keys))
    return EthernetIpTrigger(config, name="barrier", clock=SystemClock())


def decision(action: Action) -> Decision:
    return Decision("p", Verdict.FAIL, action, "", 1.0, ())


@pytest.mark.drivers
@pytest.mark.parametrize(
    ("keys", "values"),
    [
        ({"tag": "Reject"}, (1, 0, 1)),
        (
            {"tag": "Word", "type": "INT", "accept_value": 7, "reject_value": 65535},
            (-1, 7, -1),
        ),
    ],
    ids=["BOOL", "INT"],
)
def test_the_tag_shows_safe_state_decisions_and_safe_state_again(
    plc: EthernetIpMemory, keys: dict[str, object], values: tuple[int, int, int]
) -> None:
    gate, tag = output(**keys), str(keys["tag"])
    gate.open()
    seen = [read(tag)]
    for action in ("accept", "reject"):
        gate.write(decision(action))
        assert gate.status().read_back == action
        seen.append(read(tag))
    gate.close()
    assert tuple(seen) == values
    assert read(tag) == values[0]


@pytest.mark.drivers
def test_a_tag_that_is_not_there_is_refused_by_name(plc: EthernetIpMemory) -> None:
    del plc
    with pytest.raises(DeviceError, match="refuses Nothing"):
        output(tag="Nothing").open()


@pytest.mark.drivers
def test_edges_and_steps_of_a_counter_are_parts(plc: EthernetIpMemory) -> None:
    barrier, counter = trigger(tag="Barrier"), trigger(tag="Parts", type="INT")
    write("Parts", 32767, "INT")
    barrier.open()
    counter.open()
    write("Barrier", 1, "BOOL")
    write("Parts", -32767, "INT")
    edge, step = barrier.next(2), counter.next(2)
    assert edge is not None
    assert step is not None
    assert (edge.seq, step.seq, step.part_id) == (0, 1, "32769")
    assert counter.status().missed == 1
    barrier.close()
    counter.close()


def test_a_plc_that_is_not_there_is_an_absent_device() -> None:
    nobody = output(tag="Reject", port=free_port())
    with pytest.raises(DeviceError, match="does not answer"):
        nobody.open()
    nobody.close()
