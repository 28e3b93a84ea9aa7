"""Brokers on this machine: mosquitto as in the field, amqtt inside this process for the demo."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Self

import psutil


def free_port() -> int:
    """A free TCP port on the loopback interface."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def find_mosquitto() -> str | None:
    """The mosquitto program, or None."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Mosquitto:
    """A mosquitto that keeps what it acknowledges: persistence on, saved every second.

    Stopped and started again on the same port, it goes on where it was. extra: further lines of
    mosquitto.conf.
    """

    def __init__(self, folder: Path, port: int | None = None, extra: str = "") -> None:
        self.port = port or free_port()
        self._extra = extra
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start and wait until it listens; RuntimeError when it ends first (the port is taken)."""
        program = find_mosquitto()
        if program is None:
            raise FileNotFoundError("mosquitto is not installed: apt install mosquitto")
        self._folder.mkdir(parents=True, exist_ok=True)
        config = self._folder / "mosquitto.conf"
        config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous true\npersistence true\n"
            f"persistence_location {self._folder}/\nautosave_interval 1\n"
            f"max_queued_messages 0\nuser root\nlog_dest file {self.log}\n{self._extra}\n"
        )
        self._process = subprocess.Popen(
            [program, "-c", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        self._wait_until_it_listens(self._process)

    def _wait_until_it_listens(self, process: subprocess.Popen[bytes], limit_s: float = 10) -> None:
        """Ask the kernel whose socket it is: another program may have taken the port first."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            if (code := process.poll()) is not None:
                self._process = None
                what = f"mosquitto on port {self.port} ended with {code}: see {self.log}"
                raise RuntimeError(what)
            with contextlib.suppress(psutil.NoSuchProcess):
                sockets = psutil.Process(process.pid).net_connections("tcp")
                if any(s.status == psutil.CONN_LISTEN for s in sockets):
                    return
            time.sleep(0.02)
        self.kill()
        raise TimeoutError(f"mosquitto does not listen on port {self.port} after {limit_s:g} s")

    @property
    def log(self) -> Path:
        """Its log file."""
        return self._folder / "mosquitto.log"

    def stop(self) -> None:
        """Stop as an administrator would: SIGTERM."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Stop as a power cut would: SIGKILL."""
        self._end(signal.SIGKILL)

    def _end(self, number: int) -> None:
        if self._process is not None:
            self._process.send_signal(number)
            self._process.wait(10)
            self._process = None


class EmbeddedBroker:
    """An amqtt broker (MQTT 3.1.1) in a thread of this process: nothing to install."""

    def __init__(self) -> None:
        self.port = free_port()
        self._loop = asyncio.new_event_loop()
        self._done = asyncio.Event()
        self._thread = threading.Thread(target=self._serve, name="broker", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        wait_for_port(self.port)
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._done.set)
        self._thread.join(10)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())

    async def _main(self) -> None:
        from amqtt.broker import Broker

        anonymous = "amqtt.plugins.authentication.AnonymousAuthPlugin"
        broker = Broker(
            {
                "listeners": {"default": {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}},
                "plugins": {anonymous: {"allow_anonymous": True}},
            }
        )
        await broker.start()
        await self._done.wait()
        await broker.shutdown()


def wait_for_port(port: int, limit_s: float = 10.0) -> None:
    """Return when something listens on `port`; TimeoutError after `limit_s`."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until:
        with socket.socket() as probe:
            probe.settimeout(0.5)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on port {port} after {limit_s:g} s")
