"""A board's TPM 2.0 by swtpm, and the programs of tpm2-tools in front of it.

swtpm has no resource manager, as the kernel's /dev/tpmrm0 is: in its place the program `tpm2` of a
board drops the objects that a call leaves, which is what the kernel does when a program ends.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

MISSING = [name for name in ("swtpm", "tpm2") if shutil.which(name) is None]
needs_tpm = pytest.mark.skipif(
    bool(MISSING), reason=f"{' and '.join(MISSING)} missing: apt install swtpm tpm2-tools"
)
READY_S = 30.0
WRAPPER = """#!/bin/sh
{tpm2} "$@"
code=$?
{tpm2} flushcontext -t
echo "$1" >> {calls}
[ "$(wc -l < {calls})" = "$(cat {kill_at} 2>/dev/null)" ] && kill -9 $PPID
exit $code
"""


class BoardWithTpm:
    """`folder` is the board: its TPM's memory, what its bus carried, and the programs called."""

    def __init__(self, folder: Path, port: int) -> None:
        self._folder = folder
        self._port = port
        self._swtpm: subprocess.Popen[bytes] | None = None
        self._calls, self._kill_at = folder / "calls", folder / "kill_at"
        self.environment = {
            "TPM2TOOLS_TCTI": f"swtpm:host=127.0.0.1,port={port}",
            "PATH": f"{folder / 'bin'}:{os.environ['PATH']}",
        }

    def use(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """The program of this test runs on this board from now on."""
        for name, value in self.environment.items():
            monkeypatch.setenv(name, value)

    def tpm2(self, *words: str) -> bytes:
        """What another program does with the TPM."""
        environment = {**os.environ, **self.environment}
        return subprocess.run(
            ["tpm2", *words], env=environment, check=True, capture_output=True
        ).stdout

    def calls(self) -> list[str]:
        """The verbs called so far."""
        return self._calls.read_text().split() if self._calls.exists() else []

    def kill_caller_at(self, call: int) -> None:
        """Who calls for this time from now on dies by SIGKILL as the call ends; 0: nobody."""
        self._calls.write_text("")
        self._kill_at.write_text(str(call))

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """The TPM answers nothing until the block ends."""
        assert self._swtpm is not None
        self._swtpm.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._swtpm.send_signal(signal.SIGCONT)

    def bus(self) -> str:
        """Every byte between program and TPM, in hexadecimal digits."""
        text = (self._folder / "bus.log").read_text()
        rows = (line.strip() for line in text.splitlines())
        return "".join(row.replace(" ", "").lower() for row in rows if _is_hex(row))

    @contextmanager
    def running(self) -> Iterator[BoardWithTpm]:
        """With swtpm at work; its memory stays when it ends."""
        state, programs = self._folder / "state", self._folder / "bin"
        for folder in (state, programs):
            folder.mkdir(parents=True, exist_ok=True)
        wrapper = programs / "tpm2"
        real = shutil.which("tpm2")
        wrapper.write_text(WRAPPER.format(tpm2=real, calls=self._calls, kill_at=self._kill_at))
        wrapper.chmod(0o755)
        log = f"file={self._folder / 'bus.log'},level=20"
        words = ["--tpmstate", f"dir={state}", "--flags", "not-need-init,startup-clear"]
        ports = ["--server", f"type=tcp,port={self._port}"]
        ports += ["--ctrl", f"type=tcp,port={self._port + 1}"]
        swtpm = subprocess.Popen(["swtpm", "socket", "--tpm2", *words, *ports, "--log", log])
        self._swtpm = swtpm
        try:
            _await_port(self._port + 1, swtpm)
            yield self
        finally:
            swtpm.terminate()
            swtpm.wait(READY_S)


@contextmanager
def board_with_tpm(folder: Path) -> Iterator[BoardWithTpm]:
    """A board that is switched on; one folder is one board."""
    with BoardWithTpm(folder, _two_ports()).running() as board:
        yield board


def _is_hex(row: str) -> bool:
    words = row.split()
    return bool(words) and all(len(word) == 2 and word.isalnum() for word in words)


def _two_ports() -> int:
    """The first of two free ports in a row: the TPM's, and the one that controls it."""
    while True:
        with socket.socket() as one, socket.socket() as other, suppress(OSError, OverflowError):
            one.bind(("127.0.0.1", 0))
            port: int = one.getsockname()[1]
            other.bind(("127.0.0.1", port + 1))
            return port


def _await_port(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + READY_S
    while time.monotonic() < end and process.poll() is None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1.0):
            return
        time.sleep(0.02)
    raise AssertionError("swtpm did not start")
