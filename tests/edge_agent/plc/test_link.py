"""The handshake over each protocol, against the protocol's own server."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from benchmarks.brokers import free_port
from benchmarks.plc_memory import BLOCK, MEMORIES, STATUS_AT, PlcMemory
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.kinds.verdict import Action
from edge_agent.plc.driver import PLCS, PlcTable, build_protocol
from edge_agent.plc.handshake_devices import Plc, build_plc
from edge_agent.plc.link import PlcLink
from edge_agent.plc.protocols.ethernet_ip import EthernetIpPlcTable
from edge_agent.plc.protocols.modbus import ModbusPlcTable
from edge_agent.plc.protocols.s7 import S7PlcTable
from edge_agent.plc.reasons import JobAnswer, OfflineReason
from edge_agent.plc.registers import Command, Status, decode_status
from tests.edge_agent.fieldbus.plc import skip_without_ethernet_ip
from tests.station_kit import wait_until

KEYS: dict[str, dict[str, object]] = {
    "modbus": {"status_address": STATUS_AT},
    "s7": {"db": BLOCK, "status_byte": STATUS_AT},
    "ethernet_ip": {"timeout_s": 1.0, "trigger_gap_ms": 1000},
}
PROTOCOLS = ["modbus", "s7", pytest.param("ethernet_ip", marks=pytest.mark.drivers)]


def table(protocol: str, port: int, **keys: object) -> PlcTable:
    asked = {"driver": protocol, "host": "127.0.0.1", "port": port, "trigger_gap_ms": 2000}
    return PLCS.find(protocol).config.model_validate({**asked, **KEYS[protocol], **keys})


@contextmanager
def started(
    protocol: str, port: int, *, held: list[bool] | None = None, **keys: object
) -> Iterator[Plc]:
    plc = build_plc(
        table(protocol, port, **keys), clock=SystemClock(), held=lambda: bool(held and held[0])
    )
    plc.output.open()
    plc.follow_state("armed", is_running=True)
    try:
        yield plc
    finally:
        plc.output.close()


class Program:
    """A PLC's program, one step at a time."""

    def __init__(self, memory: PlcMemory) -> None:
        self.memory = memory
        self.command = Command(enable=1)
        self.write()

    def write(self, **fields: int) -> None:
        values = {**self.command.__dict__, **fields}
        self.command = Command(**values)
        bits = ("enable", "trigger", "result_ack", "job_select", "reset_counts")
        control = sum(values[name] << bit for bit, name in enumerate(bits))
        self.memory.write_command([control, values["part_number"], values["job"]])

    @property
    def status(self) -> Status:
        return decode_status(self.memory.read_status())

    def wait(self, **fields: int) -> Status:
        found = Status()

        def holds() -> bool:
            nonlocal found
            found = self.status
            return all(getattr(found, name) == value for name, value in fields.items())

        assert wait_until(holds, 10), f"{fields} did not come: {found}"
        return found

    def inspect(self, plc: Plc, part: int, action: Action) -> Status:
        """One part from its trigger to its acknowledged result."""
        assert plc.trigger is not None
        self.wait(ready=1, trigger_ack=0)
        self.write(trigger=1, part_number=part)
        number = self.wait(trigger_ack=1).acquisition_id
        self.write(trigger=0)
        event = plc.trigger.next(2)
        assert event is not None
        assert event.part_id == f"plc-{part}-{number}"
        assert abs(event.mono_ns - time.monotonic_ns()) < 5e9
        plc.output.write(decision(event.part_id, action))
        shown = self.wait(result_valid=1)
        self.write(result_ack=1)
        self.wait(result_valid=0)
        self.write(result_ack=0)
        return shown


def decision(part_id: str, action: Action) -> Decision:
    verdict = {"accept": Verdict.PASS, "reject": Verdict.FAIL}.get(action, Verdict.NO_VERDICT)
    return Decision(part_id, verdict, action, "top: dark", 12.4, ())


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture(params=PROTOCOLS)
def protocol(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if name == "ethernet_ip":
        skip_without_ethernet_ip()
    return name


@pytest.fixture
def program(protocol: str, port: int) -> Iterator[Program]:
    memory = MEMORIES[protocol](port)
    yield Program(memory)
    memory.stop()


def test_trigger_to_result_over_every_protocol(protocol: str, port: int, program: Program) -> None:
    with started(protocol, port) as plc:
        first = program.inspect(plc, 300, "reject")
        second = program.inspect(plc, 65535, "accept")
    assert (first.verdict, first.action, first.reason_class) == (2, 2, 1)
    assert (second.verdict, second.action, second.reason_class) == (1, 1, 0)
    assert (first.result_part_number, second.result_part_number) == (300, 65535)
    assert second.result_acquisition_id == first.result_acquisition_id + 1 == 2
    assert first.result_latency_ms == 12
    ended = program.status
    assert (ended.online, ended.heartbeat, ended.offline_reason) == (0, 0, OfflineReason.STOPPING)
    with started(protocol, port) as plc:
        assert program.inspect(plc, 1, "stop").acquisition_id == 3, "numbers go on"


def test_the_heartbeat_counts_and_a_job_is_refused(
    protocol: str, port: int, program: Program
) -> None:
    with started(protocol, port):
        first = program.wait(online=1).heartbeat
        assert wait_until(lambda: program.status.heartbeat > first + 2, 10)
        program.write(job_select=1, job=4)
        assert program.wait(job_refused=1).job_answer == JobAnswer.NO_JOBS
        program.write(job_select=0)
        program.wait(job_refused=0, ready=1)


@pytest.fixture
def modbus(port: int) -> Iterator[Program]:
    memory = MEMORIES["modbus"](port)
    yield Program(memory)
    memory.stop()


def test_a_person_who_stops_passing_takes_the_station_offline(port: int, modbus: Program) -> None:
    held = [True]
    with started("modbus", port, held=held):
        modbus.wait(offline_reason=OfflineReason.HELD, ready=0, online=0)
        held[0] = False
        modbus.wait(online=1, ready=1, armed=1, offline_reason=0)


def test_parts_under_way_when_the_link_is_lost_are_dropped_and_it_goes_on(port: int) -> None:
    memory = MEMORIES["modbus"](port)
    first = Program(memory)
    with started("modbus", port) as plc:
        assert plc.trigger is not None
        first.inspect(plc, 1, "accept")
        first.wait(ready=1)
        first.write(trigger=1, part_number=2)
        first.wait(trigger_ack=1)
        memory.stop()
        assert wait_until(lambda: plc.output.status().fault, 10)
        with pytest.raises(DeviceError, match=r"Modbus 127\.0\.0\.1"):
            plc.trigger.next(1)
        assert plc.trigger.status().fault
        with pytest.raises(DeviceError):
            plc.trigger.open()
        again = MEMORIES["modbus"](port)
        second = Program(again)
        second.wait(online=1, ready=1, results_waiting=0, busy=0)
        plc.trigger.open()
        plc.output.write(decision("plc-2-2", "accept"))
        assert second.inspect(plc, 3, "reject").result_acquisition_id == 3
        assert plc.output.status().fault == ""
    again.stop()


def test_a_stranger_that_writes_there_is_a_fault(port: int, modbus: Program) -> None:
    from pymodbus.client import ModbusTcpClient

    with (
        started("modbus", port, heartbeat_ms=20) as plc,
        ModbusTcpClient("127.0.0.1", port=port) as stranger,
    ):
        modbus.wait(online=1)
        faults: set[str] = set()

        def finds() -> bool:
            stranger.write_register(STATUS_AT + 1, 999)
            faults.add(plc.output.status().fault)
            return any("acquisition_id was set to 0 and reads 999" in one for one in faults)

        assert wait_until(finds, 10), faults


def test_a_result_that_nobody_takes_is_never_overwritten(port: int, modbus: Program) -> None:
    with started("modbus", port, triggers=False, results=2) as plc:
        assert plc.trigger is None
        for k in range(2):
            plc.output.write(decision(f"p{k}", "reject"))
        with pytest.raises(DeviceError, match="2 results wait: the one of part p2 is lost"):
            plc.output.write(decision("p2", "reject"))
        shown = modbus.wait(result_valid=1, overrun=1, overrun_count=1, results_waiting=2)
        assert shown.result_acquisition_id == 1
        assert plc.output.status().failed == 1


def test_a_plc_that_is_not_there_is_an_absent_device(port: int) -> None:
    plc = build_plc(table("modbus", port), clock=SystemClock(), held=bool)
    with pytest.raises(DeviceError, match="cannot be reached"):
        plc.output.open()
    plc.output.close()


@pytest.mark.parametrize(
    ("protocol", "keys", "words"),
    [
        ("modbus", {"status_address": 5000}, "refuses holding_register 5000"),
        ("s7", {"db": 99}, r"refuses DB99\.DBW100"),
    ],
)
def test_a_block_that_is_not_there_is_refused_with_its_address(
    protocol: str, keys: dict[str, object], words: str, port: int
) -> None:
    memory = MEMORIES[protocol](port)
    carrier = build_protocol(table(protocol, port, **keys))
    with pytest.raises(DeviceError, match=words):
        carrier.read_status()
    carrier.close()
    memory.stop()


def test_a_link_that_never_began_ends_quietly_and_tells_nothing(port: int) -> None:
    config = table("modbus", port)
    link = PlcLink(config, build_protocol(config), clock=SystemClock())
    link.stop()
    assert link.told() == Status()
    assert link.next_accepted(0) is None


def test_keys_are_checked() -> None:
    assert (ModbusPlcTable, S7PlcTable, EthernetIpPlcTable) == tuple(
        PLCS.find(name).config for name in ("modbus", "s7", "ethernet_ip")
    )
    with pytest.raises(ValueError, match="even byte"):
        table("s7", 102, status_byte=101)
    with pytest.raises(ValueError, match="part_name"):
        table("modbus", 502, part_name="part-{part_number}")
