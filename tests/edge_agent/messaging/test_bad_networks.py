"""Whatever the network does, the sender is back within twice its longest wait; nothing is lost."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.brokers import Mosquitto
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.wire.kinds.alarm import AlarmMessage
from tests.edge_agent.messaging.bad_network import BadNetwork, State
from tests.edge_agent.messaging.mqtt_kit import Client, Line
from tests.station_kit import mosquitto, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(600)]

CAP_S = 2.0
KEEPALIVE_S = 2
SILENCE_S = 2.5 * KEEPALIVE_S
"""A connection that says nothing for so long is given up."""
KEYS = {"reconnect_max_s": CAP_S, "keepalive_s": KEEPALIVE_S}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path / "broker") as running:
        yield running


def comes_back(line: Line, limit_s: float) -> float:
    """Seconds until nothing waits any more."""
    started = time.monotonic()
    assert wait_until(lambda: line.outbox.waiting == 0, limit_s), line.sender.fault
    return time.monotonic() - started


@pytest.mark.parametrize("state", ["black-hole", "reset"])
def test_it_is_back_within_twice_the_cap(tmp_path: Path, broker: Mosquitto, state: State) -> None:
    with (
        BadNetwork(broker.port) as network,
        Client(broker.port, "lineside/test/verdict") as plant,
        Line(tmp_path / "s", network.port, **KEYS) as line,
    ):
        ids = line.put(20)
        comes_back(line, 10)
        network.state = state
        if state == "black-hole":
            network.cut_silently()
        ids += line.put(100)
        time.sleep(4 * CAP_S + SILENCE_S)
        network.state = "fine"
        # A connection that was begun in the black hole is first given up.
        assert comes_back(line, 60) <= 2 * CAP_S + SILENCE_S + 5.0
        assert wait_until(lambda: {d["event_id"] for d in plant.documents()} == set(ids))


def test_a_half_open_connection_is_noticed(tmp_path: Path, broker: Mosquitto) -> None:
    with (
        BadNetwork(broker.port) as network,
        Client(broker.port, "lineside/test/verdict"),
        Line(tmp_path / "s", network.port, **KEYS) as line,
    ):
        line.put(5)
        comes_back(line, 10)
        network.cut_silently()
        line.put(5)
        assert comes_back(line, 60) <= SILENCE_S + 2 * CAP_S


def test_an_alarm_does_not_wait_for_a_backlog_at_1_kb_a_second(
    tmp_path: Path, broker: Mosquitto
) -> None:
    with BadNetwork(broker.port) as network, Client(broker.port, "lineside/#") as plant:
        broker.stop()
        with Line(tmp_path / "s", network.port, **KEYS, window=20) as line:
            line.put(400)
            broker.start()
            network.state = "slow"
            assert wait_until(lambda: len(plant.payloads) >= 3, 30)
            time.sleep(10)
            put_s = time.monotonic()
            now = SystemClock().utc_ns()
            line.outbox.put(
                AlarmMessage(
                    station="test", at_ns=now, source="x", name="machine", active=True,
                    severity="critical", since_ns=now,
                )
            )  # fmt: skip
            assert wait_until(lambda: any(t.endswith("/alarm") for t, _ in plant.payloads), 30)
            waited_s = time.monotonic() - put_s
            assert line.outbox.waiting > 100, "the backlog was gone: nothing was shown"
            network.state = "fine"
            comes_back(line, 60)
    assert waited_s <= 3.0, waited_s


def test_a_name_that_is_gone_and_comes_back(
    tmp_path: Path, broker: Mosquitto, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, gone = socket.getaddrinfo, threading.Event()

    def lookup(*words: object, **keys: object) -> object:
        if gone.is_set():
            raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")
        return real(*words, **keys)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    with Client(broker.port, "lineside/test/verdict"):
        gone.set()
        with Line(tmp_path / "s", broker.port, **KEYS) as line:
            line.put(10)
            assert line.says("name resolution")
            gone.clear()
            assert comes_back(line, 30) <= 2 * CAP_S


def test_a_thousand_connections_leave_neither_threads_nor_descriptors(
    tmp_path: Path, broker: Mosquitto
) -> None:
    keys = {"reconnect_max_s": 0.005, "keepalive_s": 60}
    with (
        BadNetwork(broker.port, reset_after=1) as network,
        Line(tmp_path / "s", network.port, **keys) as line,
    ):
        network.state = "reset"
        line.put(1)
        assert wait_until(lambda: network.connections >= 50, 60)
        threads, descriptors = _own(), len(os.listdir("/proc/self/fd"))
        assert wait_until(lambda: network.connections >= 1050, 300)
        assert _own() <= threads
        assert len(os.listdir("/proc/self/fd")) <= descriptors + 8  # the network's own, in flight


def _own() -> int:
    """Threads that are not of the network between."""
    return sum("_serve" not in thread.name for thread in threading.enumerate())
