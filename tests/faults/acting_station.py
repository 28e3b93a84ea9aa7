"""A station whose output is a pipe: what it acted on is known from outside, whatever kills it.

Run as a program it is a nest: with everything imported it forks a station for each line on stdin
("STATION.toml SLOW_MS"), prints the process id, and so starts one in a fraction of the time.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

ROOT = Path(__file__).parents[2]
MODULE = "tests.faults.acting_station"


@dataclass(frozen=True)
class Act:
    """One movement of the output: the part's verdict, and the grab that names it for good."""

    verdict: str
    captured_at_ns: int


class Nest:
    """Starts stations and kills them."""

    def __init__(self) -> None:
        self._read, self._write = os.pipe()
        self._program = subprocess.Popen(
            [sys.executable, "-m", MODULE, str(self._write)],
            cwd=ROOT,
            pass_fds=(self._write,),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        os.close(self._write)
        os.set_blocking(self._read, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: object, trace: TracebackType | None
    ) -> None:
        self._program.kill()
        self._program.communicate()
        os.close(self._read)

    def run_and_kill(self, station: Path, rng: random.Random, slow_ms: int) -> list[Act]:
        """One run that ends with kill -9 at a random moment, often while parts are acted on."""
        process = self._start(station, slow_ms)
        acted = b""
        if rng.random() < 0.9:
            until = time.monotonic() + 20
            while not acted and time.monotonic() < until:
                acted += self._acted()
                time.sleep(0.002)
        time.sleep(rng.uniform(0, 0.4))
        os.kill(process, signal.SIGKILL)
        self._ask("ended\n")
        acted += self._acted()
        return _acts(acted)

    def run_to_the_end(self, station: Path) -> list[Act]:
        """One run that ends by itself."""
        self._start(station, 0)
        acted: list[bytes] = []
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                acted.append(self._acted())
                time.sleep(0.01)

        reader = threading.Thread(target=read)
        reader.start()
        self._ask("ended\n")
        done.set()
        reader.join()
        return _acts(b"".join([*acted, self._acted()]))

    def _start(self, station: Path, slow_ms: int) -> int:
        return int(self._ask(f"{station} {slow_ms}\n"))

    def _ask(self, words: str) -> str:
        assert self._program.stdin is not None
        assert self._program.stdout is not None
        self._program.stdin.write(words)
        self._program.stdin.flush()
        return self._program.stdout.readline()

    def _acted(self) -> bytes:
        with contextlib.suppress(BlockingIOError):
            return os.read(self._read, 1 << 20)
        return b""


def _acts(lines: bytes) -> list[Act]:
    words = [line.split() for line in lines.decode().splitlines()]
    return [Act(verdict, int(grab)) for verdict, grab in words]


def nest(output: int) -> None:
    """Fork a station for each line of stdin; "ended" waits for the last one."""
    from edge_agent.contracts.core import clock
    from edge_agent.contracts.model.bundle import read_bundle
    from edge_agent.infer.trial import TRIALS
    from edge_agent.messaging import outbox_store
    from edge_agent.station import config, station

    def try_bundles(path: str) -> None:
        """A bundle's first run, once for all forks: it takes a process of its own, and a second."""
        for channel in config.read_config(Path(path)).channel:
            if channel.bundle is not None:
                bundle = read_bundle(Path(channel.bundle))
                TRIALS.check(bundle, channel.runtime, channel.threads)

    def run(path: str, slow_ms: int) -> None:
        commit = outbox_store.OutboxStore.commit

        def slow_commit(self: outbox_store.OutboxStore, rows: object, books: object) -> None:
            time.sleep(slow_ms / 1e3)
            commit(self, rows, books)  # type: ignore[arg-type]

        if slow_ms:
            outbox_store.OutboxStore.commit = slow_commit  # type: ignore[method-assign,assignment]
        line = station.Station(
            config.read_config(Path(path)),
            clock=clock.SystemClock(),
            output=lambda decision: os.write(
                output, f"{decision.verdict} {decision.channels[0].captured_at_ns}\n".encode()
            ),
        )
        line.run(threading.Event())

    child = 0
    for words in _lines():
        if words == ["ended"]:
            os.waitpid(child, 0)
            print("ended", flush=True)  # noqa: T201
            continue
        try_bundles(words[0])
        child = os.fork()
        if not child:
            try:
                run(words[0], int(words[1]))
            finally:
                os._exit(0)
        print(child, flush=True)  # noqa: T201


def _lines() -> Iterator[list[str]]:
    while line := sys.stdin.readline():
        yield line.split()


if __name__ == "__main__":
    nest(int(sys.argv[1]))
