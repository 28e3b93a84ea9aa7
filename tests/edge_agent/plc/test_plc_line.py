"""A line with a PLC: whatever is killed or cut, no bad part passes the gate, and it goes on."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from benchmarks.plc_line import PlcLine, Wire
from benchmarks.plc_memory import ModbusMemory
from benchmarks.plc_program import is_bad
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.fieldbus.modbus import ModbusDevice, ModbusLink, read_words
from tests.edge_agent.fieldbus.plc import skip_without_ethernet_ip
from tests.station_kit import write_image_bundle

SHARE = 0.3
"""Of the good parts of a stretch pass, and of the bad ones have a result of their own."""


def quiet_stretch(line: PlcLine) -> tuple[int, int]:
    """Let parts pass without a fault; gives the first and the one behind the last."""
    line.wait_until_passing()
    first = line.part_now + 2
    behind = first + max(4, round(2.5 / line.pitch_s))
    line.wait_until(behind)
    time.sleep(line.gate_s + 0.5)
    return first, behind


@pytest.mark.drivers
@pytest.mark.parametrize(
    ("protocol", "pitch_s", "gate_s"),
    [("modbus", 0.1, 0.8), ("s7", 0.1, 0.8), ("ethernet_ip", 0.8, 2.5)],
    ids=["modbus", "s7", "ethernet_ip"],
)
def test_no_bad_part_passes_whatever_is_killed_or_cut(
    tmp_path: Path, protocol: str, pitch_s: float, gate_s: float
) -> None:
    """A busy machine may judge a part too late, which rejects it: of SHARE that is not so.

    The simulated EtherNet/IP PLC needs 7 ms of processor for each request.
    """
    if protocol == "ethernet_ip":
        skip_without_ethernet_ip()
    bundle = write_image_bundle(tmp_path / "brightness.bundle").read_bytes()
    (tmp_path / "line").mkdir()
    stretches = []
    folder, speed = tmp_path / "line", {"pitch_s": pitch_s, "gate_s": gate_s}
    with PlcLine(folder, protocol, bundle, **speed) as line:
        line.start_plc()
        line.start_agent()
        stretches.append(quiet_stretch(line))
        line.kill_agent()
        line.start_agent()
        stretches.append(quiet_stretch(line))
        line.kill_plc()
        time.sleep(0.5)
        line.start_plc()
        stretches.append(quiet_stretch(line))
        line.wire.cut()
        time.sleep(1)
        line.wire.mend()
        stretches.append(quiet_stretch(line))
    assert line.bad_accepted() == []
    parts = [part for first, behind in stretches for part in range(first, behind)]
    accepted = {one.part for one in line.gated if one.accepted}
    by_result = {one.part for one in line.gated if one.result_ms >= 0}
    good = {part for part in parts if not is_bad(part)}
    bad = set(parts) - good
    assert len(good & accepted) >= SHARE * len(good)
    assert len(bad & by_result) >= SHARE * len(bad), "rejected only for want of a result"


def test_a_cut_wire_is_noticed_and_a_mended_one_carries_again() -> None:
    memory = ModbusMemory(wire_port := _free())
    wire = Wire(wire_port)
    link = ModbusLink(ModbusDevice(host="127.0.0.1", port=wire.port))
    assert read_words(link, 0, 3) == [0, 0, 0]
    wire.cut()
    began = time.monotonic()
    with pytest.raises(DeviceError, match="does not answer"):
        read_words(link, 0, 3)
    assert time.monotonic() - began < 2
    wire.mend()
    assert read_words(link, 0, 3) == [0, 0, 0]
    link.close()
    wire.close()
    memory.stop()


def _free() -> int:
    from benchmarks.brokers import free_port

    return free_port()
