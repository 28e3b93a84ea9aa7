"""A process of our own that answers lines of JSON: a library that is too heavy to share ours."""

from __future__ import annotations

import json
import select
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from edge_agent.contracts.core.errors import DeviceError

CURE = "it is started again"


class LineProcess:
    """Starts `python -m module` and talks to it; it ends when its input does, so with this process.

    An answer {"error", "cure"} is a DeviceError. where: what messages call it.
    """

    def __init__(self, module: str, where: str) -> None:
        self._module = module
        self._where = where
        self._process: subprocess.Popen[bytes] | None = None
        self._rest = b""

    @property
    def is_open(self) -> bool:
        """Whether it was started and has not been ended."""
        return self._process is not None

    def open(self, order: Mapping[str, object], limit_s: float) -> None:
        """Start it with its first line, and wait until it answers; raises DeviceError."""
        self.close()
        self._process = subprocess.Popen(
            [sys.executable, "-m", self._module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )
        self._rest = b""
        self.ask(order, limit_s)

    def ask(self, line: Mapping[str, object], limit_s: float) -> dict[str, Any]:
        """The answer to a line; raises DeviceError, and the process is ended then."""
        process = self._process
        if process is None or process.stdin is None:
            raise DeviceError("not open", where=self._where, cure="open it first")
        try:
            process.stdin.write(json.dumps(line).encode() + b"\n")
            process.stdin.flush()
            answer = self._answer(limit_s)
        except OSError as error:
            self.close()
            raise DeviceError("its process has ended", where=self._where, cure=CURE) from error
        if "error" in answer:
            self.close()
            raise DeviceError(
                str(answer["error"]), where=self._where, cure=str(answer.get("cure", CURE))
            )
        return answer

    def close(self) -> None:
        """End it."""
        process, self._process = self._process, None
        if process is None or process.stdin is None or process.stdout is None:
            return
        process.stdout.close()
        try:
            process.stdin.close()
        except BrokenPipeError:
            process.kill()
        try:
            process.wait(2)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(5)

    def _answer(self, limit_s: float) -> dict[str, Any]:
        until = time.monotonic() + limit_s
        while b"\n" not in self._rest:
            left_s = until - time.monotonic()
            stream = None if self._process is None else self._process.stdout
            if stream is None or left_s <= 0 or not select.select([stream], [], [], left_s)[0]:
                return {"error": f"no answer in {limit_s:g} s"}
            read = stream.read1(65536)  # type: ignore[attr-defined]
            if not read:
                return {"error": "its process has ended"}
            self._rest += read
        line, _, self._rest = self._rest.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer
