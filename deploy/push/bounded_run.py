"""A program that ends by a deadline and says no more than it may."""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Sequence
from typing import IO

PIECE_BYTES = 1 << 16


class TooMuchSaidError(Exception):
    """The program said more than it may."""


def bounded_run(
    words: Sequence[str], payload: bytes, *, most_s: float, most_bytes: int
) -> subprocess.CompletedProcess[bytes]:
    """Run a program with `payload` on its stdin, and read at most `most_bytes` of each output.

    Raises subprocess.TimeoutExpired and TooMuchSaidError; the program is dead then.
    """
    process = subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    stdout, stderr = _Output(process, most_bytes), _Output(process, most_bytes)
    work = [(stdout.read, process.stdout), (stderr.read, process.stderr)]
    threads = [threading.Thread(target=do, args=[end], daemon=True) for do, end in work]
    threads.append(threading.Thread(target=_send, args=(process.stdin, payload), daemon=True))
    until_s = time.monotonic() + most_s
    for thread in threads:
        thread.start()
    try:
        process.wait(most_s)
        _join(threads[:2], until_s, subprocess.TimeoutExpired(words, most_s))
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise
    if stdout.is_too_much or stderr.is_too_much:
        raise TooMuchSaidError
    found = bytes(stdout.found), bytes(stderr.found)
    return subprocess.CompletedProcess(list(words), process.returncode, *found)


def _join(threads: Sequence[threading.Thread], until_s: float, late: Exception) -> None:
    """A program that ended may have left its pipes to another one (a proxy of ssh)."""
    for thread in threads:
        thread.join(max(0.0, until_s - time.monotonic()))
        if thread.is_alive():
            raise late


class _Output:
    """What a program says; it is killed for a byte more than it may say."""

    def __init__(self, process: subprocess.Popen[bytes], most_bytes: int) -> None:
        self.found = bytearray()
        self.is_too_much = False
        self._process = process
        self._most_bytes = most_bytes

    def read(self, end: IO[bytes]) -> None:
        with end:
            while piece := end.read1(PIECE_BYTES):  # type: ignore[attr-defined]  # it is buffered
                self.found += piece
                if len(self.found) > self._most_bytes:
                    self.is_too_much = True
                    self._process.kill()
                    return


def _send(end: IO[bytes], payload: bytes) -> None:
    with contextlib.suppress(OSError), end:  # it may end before it has read everything
        end.write(payload)
