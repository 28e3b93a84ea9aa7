"""Decisions as OPC UA values: asyncua's own client reads them, in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.util import find_spec

import pytest

from benchmarks.brokers import free_port
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.decision import Decision
from edge_agent.fieldbus.line_process import LineProcess
from edge_agent.fieldbus.line_program import NO_ASYNCUA
from edge_agent.outputs.opc_ua import SERVER, OpcUaOutput, OpcUaOutputTable
from tests.station_kit import wait_until

READ = """
import asyncio, json, sys
from asyncua.client.client import Client

async def read(url, names):
    async with Client(url) as client:
        space = await client.get_namespace_index("urn:lineside")
        nodes = [client.get_node(f"ns={space};s=Lineside.{name}") for name in names]
        values = [await node.read_value() for node in nodes]
        try:
            await nodes[0].write_value("forged")
        except Exception as error:
            values.append(type(error).__name__)
        print(json.dumps(values))

asyncio.run(read(sys.argv[1], sys.argv[2:]))
"""


def read(port: int, *names: str) -> list[object]:
    words = [sys.executable, "-W", "ignore", "-c", READ, f"opc.tcp://127.0.0.1:{port}", *names]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    found: list[object] = json.loads(done.stdout)
    return found


def output(port: int, **keys: object) -> OpcUaOutput:
    if find_spec("asyncua") is None:
        pytest.skip(f"OPC UA: {NO_ASYNCUA.what}")
    asked = {"driver": "opc_ua", "listen": "127.0.0.1", "port": port, "timeout_s": 5, **keys}
    return OpcUaOutput(OpcUaOutputTable.model_validate(asked), name="ua", clock=SystemClock())


@pytest.mark.drivers
def test_clients_read_the_last_decision_and_write_nothing() -> None:
    port = free_port()
    gate = output(port)
    gate.open()
    gate.write(Decision("p7", Verdict.FAIL, "reject", "top: dark", 12.5, (), at_ns=5))
    names = ("PartId", "Verdict", "Action", "Reason", "LatencyMs", "AtUtcNs", "Number")
    found = read(port, *names)
    assert found == ["p7", "FAIL", "reject", "top: dark", 12.5, 5, 2, "BadUserAccessDenied"]
    assert gate.status().commanded == "reject"
    gate.close()


@pytest.mark.drivers
def test_a_server_that_died_is_a_fault_until_another_has_started_and_delays_nobody() -> None:
    gate = output(free_port(), safe_state="stop")
    gate.open()
    process = gate._server._process
    assert process is not None
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    with pytest.raises(DeviceError, match="process has ended"):
        gate.write(Decision("p", Verdict.PASS, "accept", "", 1.0, ()))
    assert gate.status().fault
    with pytest.raises(DeviceError, match="is being started"):
        gate.show_safe_state()
    assert wait_until(lambda: not gate.status().fault, 40)
    assert gate.status().commanded == "stop"
    gate.write(Decision("p", Verdict.PASS, "accept", "", 1.0, ()))
    gate.close()


def test_a_process_that_cannot_begin_says_why() -> None:
    process = LineProcess("edge_agent.fieldbus.nothing_of_this_name", "output ua")
    with pytest.raises(DeviceError, match="output ua: its process has ended"):
        process.open({"endpoint": ""}, 10)
    assert not process.is_open
    with pytest.raises(DeviceError, match="not open"):
        process.ask({}, 1)
    assert SERVER.endswith("opc_ua_server")
