"""What systemd is told, on a real datagram socket: armed, alive, hanging, stopping."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.wire.decision import Decision
from edge_agent.infer.runtimes.edgetpu import PROBE_S
from edge_agent.station.config import read_config
from edge_agent.station.station import Station
from edge_agent.station.systemd import Supervisor, supervisor_of
from edge_agent.station.timing import Timing
from tests.station_kit import wait_until, write_image_bundle, write_station

LIVE = 'driver = "folder"\npath = "frames"\nrate_hz = 50\nat_end = "repeat"'


class Manager:
    """The socket of a service manager, and what it heard with the time."""

    def __init__(self, address: str) -> None:
        self.heard: list[tuple[float, str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(0.05)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def words(self) -> list[str]:
        return [word for _, word in self.heard]

    def signs_of_life(self, since_s: float = 0.0) -> int:
        return sum(word == "WATCHDOG=1" and at > since_s for at, word in self.heard)

    def close(self) -> None:
        self._ending.set()
        self._thread.join()
        self._socket.close()

    def _listen(self) -> None:
        while not self._ending.is_set():
            try:
                self.heard.append((time.monotonic(), self._socket.recv(4096).decode()))
            except TimeoutError:
                continue


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    found = Manager(str(tmp_path / "notify"))
    yield found
    found.close()


def start_agent(folder: Path, watchdog_s: float) -> subprocess.Popen[bytes]:
    surroundings = {
        **os.environ,
        "NOTIFY_SOCKET": str(folder / "notify"),
        "WATCHDOG_USEC": str(round(watchdog_s * 1e6)),
    }
    surroundings.pop("WATCHDOG_PID", None)
    words = [sys.executable, "-m", "edge_agent", "run", str(folder / "station.toml"), "--quiet"]
    return subprocess.Popen(words, env=surroundings, stderr=subprocess.DEVNULL)


def test_agent_is_ready_when_armed_and_alive_until_it_is_stopped(
    bench: Path, manager: Manager
) -> None:
    write_station(bench, LIVE)
    agent = start_agent(bench, 0.4)
    try:
        assert wait_until(lambda: manager.signs_of_life() >= 4)
        assert manager.words()[0].startswith("EXTEND_TIMEOUT_USEC=")
        armed = next(k for k, word in enumerate(manager.words()) if word.startswith("STATUS=armed"))
        assert armed < manager.words().index("READY=1")
        os.kill(agent.pid, signal.SIGSTOP)
        time.sleep(0.2)
        stopped_s = time.monotonic()
        time.sleep(0.4)
        assert manager.signs_of_life(stopped_s) == 0
        os.kill(agent.pid, signal.SIGCONT)
        assert wait_until(lambda: manager.signs_of_life(stopped_s) >= 2)
        agent.terminate()
        assert agent.wait(20) == 0
    finally:
        agent.kill()
        agent.wait()
    assert manager.words().count("READY=1") == 1
    assert "STOPPING=1" in manager.words()
    assert wait_until(lambda: "STATUS=stopping: asked to" in manager.words())


def test_station_that_cannot_arm_is_not_ready_until_it_can(
    bench: Path, manager: Manager, tmp_path: Path
) -> None:
    write_image_bundle(bench / "brightness.bundle", score_off=0.25)
    station = Station(
        read_config(write_station(bench, LIVE)),
        clock=SystemClock(),
        supervisor=Supervisor(str(tmp_path / "notify"), 0.4),
        timing=Timing(rearm_s=0.2),
    )
    stop = threading.Event()
    thread = threading.Thread(target=station.run, args=[stop])
    thread.start()
    try:
        assert wait_until(lambda: any("in the workshop" in word for word in manager.words()))
        assert "READY=1" not in manager.words(), "ready before it is armed"
        write_image_bundle(bench / "brightness.bundle")
        assert wait_until(lambda: "READY=1" in manager.words())
    finally:
        stop.set()
        thread.join(20)
    armed = next(k for k, word in enumerate(manager.words()) if word.startswith("STATUS=armed"))
    assert armed < manager.words().index("READY=1")


def test_time_is_asked_for_each_channel_as_long_as_its_accelerator_may_hang(
    bench: Path, manager: Manager, tmp_path: Path
) -> None:
    path = write_station(bench, 'driver = "folder"\npath = "frames"')
    one = path.read_text().partition("[[channel]]")[2]
    path.write_text(f"{path.read_text()}[[channel]]{one.replace('top', 'side')}")
    Station(
        read_config(path), clock=SystemClock(), supervisor=Supervisor(str(tmp_path / "notify"))
    ).run(threading.Event())
    assert wait_until(lambda: "STATUS=stopping: the sources have ended" in manager.words())
    asked = manager.words()[: manager.words().index("READY=1")]
    times_s = [int(word.split("=")[1]) / 1e6 for word in asked if word.startswith("EXTEND")]
    assert len(times_s) >= 1 + 2
    assert min(times_s) > PROBE_S + 10


def test_channel_that_hangs_takes_the_signs_of_life_away(
    bench: Path, manager: Manager, tmp_path: Path
) -> None:
    hang, hangs, free, stop = (threading.Event() for _ in range(4))

    def output(decision: Decision) -> None:
        if hang.is_set():
            hangs.set()
            free.wait(60)

    station = Station(
        read_config(write_station(bench, LIVE)),
        clock=SystemClock(),
        output=output,
        supervisor=Supervisor(str(tmp_path / "notify"), 0.4),
    )
    thread = threading.Thread(target=station.run, args=[stop])
    thread.start()
    assert wait_until(lambda: manager.signs_of_life() >= 3)
    hang.set()
    assert hangs.wait(20)
    time.sleep(0.5)
    hung_s = time.monotonic()
    time.sleep(0.4)
    silent = manager.signs_of_life(hung_s) == 0
    free.set()
    back = wait_until(lambda: manager.signs_of_life(hung_s) >= 2)
    stop.set()
    thread.join(20)
    assert (silent, back) == (True, True)


def test_abstract_socket_is_reached() -> None:
    name = f"lineside-test-{os.getpid()}"
    manager = Manager(f"\0{name}")
    supervisor = Supervisor(f"@{name}")
    supervisor.status("disarmed: two\nlines of a reason \udcff")
    supervisor.alive()
    assert wait_until(manager.words)
    manager.close()
    assert manager.words() == ["STATUS=disarmed: two lines of a reason \\udcff"], "no watchdog set"


def waiting_in(manager: socket.socket) -> list[bytes]:
    """Everything that a socket holds."""
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(manager.recv(4096))
    return found


def test_ready_is_said_again_where_the_manager_had_no_room(tmp_path: Path) -> None:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(str(tmp_path / "notify"))
    manager.setblocking(False)
    supervisor = Supervisor(str(tmp_path / "notify"), 30)
    for _ in range(5000):
        supervisor.status("arming")
    supervisor.ready()
    assert set(waiting_in(manager)) == {b"STATUS=arming"}
    for _ in range(3):
        supervisor.alive()
    assert waiting_in(manager) == [b"READY=1", b"WATCHDOG=1"]
    manager.close()


@pytest.mark.parametrize(
    ("environment", "watchdog_s"),
    [
        ({}, 0.0),
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
    ],
    ids=str,
)
def test_watchdog_is_read_as_systemd_sets_it(
    environment: dict[str, str], watchdog_s: float
) -> None:
    assert supervisor_of(environment).watchdog_s == watchdog_s


def test_manager_that_is_gone_costs_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = Supervisor(str(tmp_path / "nobody"), 0.001)
    for _ in range(3):
        supervisor.status("armed")
    assert len(caplog.records) == 1
    assert "cannot be told STATUS=armed" in caplog.text
