"""A line with a PLC and a station, each a process that can be killed, and a link that can be cut.

The truth is the belt's: each part's end at the gate is told by the PLC's own process. A part that
came to the gate while the PLC was dead was rejected, for the gate's rest is "reject".
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Self

import cv2
import numpy as np

from benchmarks.as_service import hurry, service_environment
from benchmarks.brokers import free_port
from benchmarks.plc_memory import BLOCK, STATUS_AT
from benchmarks.plc_program import is_bad

ROOT = Path(__file__).parents[1]
SAMPLES = 40
"""Different pictures of each kind: more than a frozen camera's ring."""

STATION = """\
[station]
id = "plc-line"
[trust]
allow_unsigned = true
[audit]
enabled = false
[evidence]
enabled = false
[line]
join = "part_id"
deadline_ms = 500
[plc]
driver = "{protocol}"
host = "127.0.0.1"
port = {port}
part_name = "plc-{{part_number}}-{{acquisition_id}}.png"
result_timeout_ms = 1000
{keys}
[[channel]]
name = "top"
kind = "image"
bundle = "brightness.bundle"
queue = 8
[channel.source]
driver = "folder"
path = "pictures"
at_end = "wait"
settle_s = 0.01
"""
KEYS = {
    "modbus": f"status_address = {STATUS_AT}\ntimeout_s = 0.4",
    "s7": f"db = {BLOCK}\nstatus_byte = {STATUS_AT}\ntimeout_s = 0.4",
    "ethernet_ip": "poll_ms = 20\ntimeout_s = 1.0\ntrigger_gap_ms = 400",
}


@dataclass(frozen=True)
class Gated:
    """A part at the gate, as the PLC told it."""

    part: int
    accepted: bool
    acquisition: int
    result_ms: int


class Wire:
    """A TCP link that can be cut: nothing passes any more, and nobody is told."""

    def __init__(self, to_port: int) -> None:
        self.port = free_port()
        self._to_port = to_port
        self._is_cut = threading.Event()
        self._ends: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", self.port))
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self) -> None:
        """From now on nothing passes."""
        self._is_cut.set()

    def mend(self) -> None:
        """New connections work again; the old ones are dead."""
        for end in self._ends:
            end.close()
        self._ends.clear()
        self._is_cut.clear()

    def close(self) -> None:
        """Give the port back."""
        self._server.close()
        self.mend()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = self._server.accept()
                self._ends.append(near)
                if self._is_cut.is_set():
                    continue
                try:
                    far = socket.create_connection(("127.0.0.1", self._to_port), 1)
                except OSError:
                    near.close()
                    continue
                self._ends.append(far)
                for one, other in ((near, far), (far, near)):
                    one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    threading.Thread(target=self._carry, args=[one, other], daemon=True).start()

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(4096):
                if self._is_cut.is_set():
                    return
                target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)


class PlcLine:
    """The line; `with` stops what still runs. bundle: a model that fails dark pictures."""

    def __init__(
        self,
        folder: Path,
        protocol: str,
        bundle: bytes,
        *,
        pitch_s: float = 0.1,
        gate_s: float = 0.8,
    ) -> None:
        self.pitch_s = pitch_s
        self.gate_s = gate_s
        self.gated: list[Gated] = []
        self._folder = folder
        self._protocol = protocol
        self._port = free_port()
        self.wire = Wire(self._port)
        self._began = 0.0
        self._agent: subprocess.Popen[bytes] | None = None
        self._plc: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        (folder / "pictures").mkdir()
        (folder / "samples").mkdir()
        for kind, level in (("good", 200), ("bad", 40)):
            for k in range(SAMPLES):
                _draw(folder / "samples" / f"{kind}-{k:02}.png", level, k)
        (folder / "brightness.bundle").write_bytes(bundle)
        (folder / "station.toml").write_text(
            STATION.format(protocol=protocol, port=self.wire.port, keys=KEYS[protocol])
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self.kill_agent()
        self.kill_plc()
        self.wire.close()

    @property
    def part_now(self) -> int:
        """The part at the camera."""
        return int((time.monotonic() - self._began) / self.pitch_s)

    def start_plc(self) -> None:
        """Start the PLC's process; the belt itself never stops."""
        self._began = self._began or time.monotonic() + 2
        words = [sys.executable, "-m", "benchmarks.plc_program", self._protocol, str(self._port)]
        words += ["--pictures", str(self._folder / "pictures"), "--began", str(self._began)]
        words += ["--samples", str(self._folder / "samples")]
        words += ["--pitch", str(self.pitch_s), "--gate", str(self.gate_s)]
        with (self._folder / "plc.log").open("ab") as log:
            self._plc = subprocess.Popen(
                words,
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
            )
        hurry(self._plc.pid)
        if self._plc.stdout is not None:
            self._reader = threading.Thread(target=self._read, args=[self._plc.stdout], daemon=True)
            self._reader.start()

    def start_agent(self, wait_s: float = 40) -> None:
        """Start the agent and wait until it is armed."""
        log = self._folder / "agent.log"
        log.touch()
        armed = log.read_text().count(" armed")
        began = time.monotonic()
        with log.open("ab") as stream:
            words = [sys.executable, "-m", "edge_agent", "run", str(self._folder / "station.toml")]
            self._agent = subprocess.Popen(
                words, cwd=ROOT, stdout=stream, stderr=stream, env=service_environment()
            )
        while log.read_text().count(" armed") == armed:
            if time.monotonic() - began > wait_s or self._agent.poll() is not None:
                raise TimeoutError(f"not armed:\n{self.log_tail}")
            time.sleep(0.05)

    def kill_agent(self) -> None:
        """SIGKILL."""
        if self._agent is not None:
            self._agent.kill()
            self._agent.wait(10)
            self._agent = None

    def kill_plc(self) -> None:
        """SIGKILL to the PLC's program and its server."""
        if self._plc is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._plc.pid, signal.SIGKILL)
            self._plc.wait(10)
            self._plc = None
        if self._reader is not None:
            self._reader.join(10)
            self._reader = None

    def wait_until(self, part: int) -> None:
        """Until that part is at the camera."""
        time.sleep(max(0.0, self._began + part * self.pitch_s - time.monotonic()))

    def wait_until_passing(self, limit_s: float = 40) -> None:
        """Until a part that comes to the camera from now on has passed the gate."""
        first, until = self.part_now, time.monotonic() + limit_s
        while not any(one.accepted and one.part >= first for one in self.gated[-100:]):
            if time.monotonic() > until:
                raise TimeoutError(f"nothing passes:\n{self.log_tail}")
            time.sleep(0.05)

    @property
    def log_tail(self) -> str:
        """What the agent logged last."""
        return (self._folder / "agent.log").read_text()[-2000:]

    def bad_accepted(self) -> list[int]:
        """Bad parts that passed the gate."""
        return [one.part for one in self.gated if one.accepted and is_bad(one.part)]

    def _read(self, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                part, word, acquisition, result_ms = line.split()
                gated = Gated(int(part), word == "accept", int(acquisition), int(result_ms))
                self.gated.append(gated)


def _draw(path: Path, level: int, seed: int) -> None:
    noise = np.random.default_rng(seed).integers(-12, 13, (48, 64, 3))
    cv2.imwrite(str(path), np.clip(noise + level, 0, 255).astype(np.uint8))
