"""A light barrier at an emulated board: QEMU's qtest socket sets a pin of its PL061."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.rig.kernel import RigError

HIGH_S = 0.1


class LightBarrier:
    """The pin `line`; `words` are what QEMU is started with, `sockets` a folder for its sockets."""

    def __init__(self, sockets: Path, line: int) -> None:
        self._qmp, self._qtest = sockets / "qmp", sockets / "qtest"
        self._line = line
        self._passed = 0
        self._lock = threading.Lock()
        self._belt_runs = threading.Lock()
        self.words = [
            *("-qmp", f"unix:{self._qmp},server=on,wait=off"),
            *("-qtest", f"unix:{self._qtest},server=on,wait=off", "-qtest-log", "/dev/null"),
        ]

    @property
    def passed(self) -> int:
        """How many parts have passed."""
        with self._lock:
            return self._passed

    def pulses(self, count: int, gap_s: float = HIGH_S) -> None:
        """So many parts pass, `gap_s` after one another."""
        pin = self._pin()
        with socket.socket(socket.AF_UNIX) as qtest:
            qtest.connect(str(self._qtest))
            answers = qtest.makefile("r")
            for _ in range(count):
                for level, stays_s in ((1, HIGH_S), (0, gap_s)):
                    name = f"unnamed-gpio-in {self._line}"
                    qtest.sendall(f"set_irq_in {pin} {name} {level}\n".encode())
                    answers.readline()
                    time.sleep(stays_s)
                with self._lock:
                    self._passed += 1

    @contextmanager
    def belt(self, every_s: float) -> Iterator[None]:
        """Parts pass until the block ends, also while the board is off: then nobody sees them."""
        ended = threading.Event()

        def run() -> None:
            while not ended.wait(every_s):
                with self._belt_runs, contextlib.suppress(OSError, ValueError, RigError):
                    self.pulses(1)  # fails where the board is off

        belt = threading.Thread(target=run, daemon=True)
        belt.start()
        try:
            yield
        finally:
            ended.set()
            belt.join(30)

    @contextmanager
    def still_belt(self) -> Iterator[None]:
        """No part passes in the block but by `pulses`."""
        with self._belt_runs:
            yield

    def _pin(self) -> str:
        """Where QEMU has the board's PL061."""
        with socket.socket(socket.AF_UNIX) as monitor:
            monitor.connect(str(self._qmp))
            stream = monitor.makefile("rw")
            stream.readline()
            for request in ("qmp_capabilities", "qom-list"):
                arguments = {"path": "/machine/unattached"} if request == "qom-list" else {}
                stream.write(json.dumps({"execute": request, "arguments": arguments}) + "\n")
                stream.flush()
                answer = json.loads(stream.readline())
            for device in answer["return"]:
                if "pl061" in device["type"]:
                    return f"/machine/unattached/{device['name']}"
        raise RigError("the board has no PL061")
