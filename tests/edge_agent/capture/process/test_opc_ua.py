"""Process values of an OPC UA server: a real one, which is killed and started again."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.brokers import free_port
from edge_agent.capture.polled_rows import PolledRows
from edge_agent.capture.process.opc_ua import CLIENT, OpcUaTable, build
from edge_agent.capture.queue import build_queue
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Item, ProcessRow, Unreadable
from edge_agent.fieldbus.line_program import NO_ASYNCUA

SERVER = Path(__file__).with_name("opc_ua_server.py")


def missing_server() -> str:
    """Why there is no server here, or nothing."""
    return "" if find_spec("asyncua") else NO_ASYNCUA.what


@contextmanager
def opc_ua_server(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A server that listens."""
    words = [sys.executable, "-W", "ignore", str(SERVER), str(port)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        yield process
    finally:
        process.kill()
        process.wait(10)
        process.stdout.close()


def source(port: int, *names: str, **keys: object) -> PolledRows:
    tags = [{"name": name, "node": f"ns=2;s=Press.{name}"} for name in names]
    table = {"driver": "opc_ua", "url": f"opc.tcp://127.0.0.1:{port}", "period_s": 0.1, "tag": tags}
    config = OpcUaTable.model_validate(table | keys)
    return build(config, name="press", clock=SystemClock())


def first(rows: PolledRows, within_s: float = 15) -> Item:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        item = rows.next(0.2)
        if item is not None:
            return item
    pytest.fail("no row came")


@pytest.mark.drivers
@pytest.mark.skipif(bool(missing_server()), reason=missing_server())
def test_values_of_one_part_come_together_and_a_lost_server_is_noticed_and_found() -> None:
    port = free_port()
    rows = source(port, "Force", "Part", take_on="part", part_tag="Part")
    bad = source(port, "Broken")
    feed = build_queue(rows, name="press", size=8, clock=SystemClock(), reopen_s=(0.5,))
    with opc_ua_server(port):
        bad.open()
        broken = first(bad)
        bad.close()
        feed.start()
        row = take(feed)
        assert isinstance(row, ProcessRow)
        assert row.tags["Force"] == pytest.approx(float(row.part_id) / 10)
    began = time.monotonic()
    while not feed.fault and time.monotonic() - began < 8:
        feed.take(0.05)
    assert time.monotonic() - began < 2, "noticed too late"
    with opc_ua_server(port):
        began = time.monotonic()
        while not isinstance(take(feed), ProcessRow):
            pass
        assert time.monotonic() - began < 10, "back too late"
    feed.stop()
    feed.close()
    assert isinstance(broken, Unreadable)
    assert "Broken: the server says BadSensorFailure" in broken.reason


def take(feed: object, within_s: float = 20) -> Item | None:
    until = time.monotonic() + within_s
    while time.monotonic() < until:
        item = feed.take(0.2)  # type: ignore[attr-defined]
        if item is not None:
            return item
    pytest.fail("no row came")


@pytest.mark.drivers
@pytest.mark.skipif(bool(missing_server()), reason=missing_server())
def test_an_absent_server_is_named() -> None:
    rows = source(free_port(), "Force")
    with pytest.raises(DeviceError, match=r"opc\.tcp://127\.0\.0\.1"):
        rows.open()
    rows.close()


def test_the_client_is_a_module_that_can_be_run() -> None:
    assert find_spec(CLIENT) is not None
