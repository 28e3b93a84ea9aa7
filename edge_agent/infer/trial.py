"""The first run of a bundle's model, in a process of its own (infer/trial_process).

A model that is damaged, or meant to do harm, can crash the runtime, never end, or take all memory.
A station has other channels to watch, and an installer a station to leave as it was: so the parity
vectors run here first. A child loads its libraries while its parent does, and while the bundle
before its own is tried (`foresee`). Runtime and bundle come on stdin; the answer is one line of
JSON on stdout.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from edge_agent.contracts.core.errors import (
    BundleError,
    ConfigError,
    InputError,
    LinesideError,
    ParityError,
)
from edge_agent.contracts.core.isolation import CURE, ended_error

if TYPE_CHECKING:
    from edge_agent.contracts.model.bundle import Bundle

Child: TypeAlias = "subprocess.Popen[bytes]"

LIMIT_S = 300.0
READY = 2
"""Children that wait for a bundle at once: each holds its libraries in memory."""
ERRORS = (BundleError, ConfigError, InputError, ParityError)
"""What a trial may find; anything else it says is a BundleError."""
UNASKED = 75
"""Exit code of a child that nobody gave a bundle within its time."""


@dataclass
class Trials:
    """Runs the first run of each bundle in a child, once for each runtime and process."""

    limit_s: float = LIMIT_S
    command: list[str] = field(
        default_factory=lambda: [sys.executable, "-P", "-m", "edge_agent.infer.trial_process"]
    )
    _passed: set[tuple[str, str, int]] = field(default_factory=set)
    _waiting: list[Child] = field(default_factory=list)
    _to_come: int = 0

    def foresee(self, trials: int = 1) -> None:
        """Start the children of the next `trials`: they get ready while this process works.

        At most READY wait at once; the others are started as these are given their bundles.
        """
        self._to_come = trials
        self._get_ready()

    def dismiss(self) -> None:
        """End the children that wait for a bundle; a second call does nothing."""
        self._to_come = 0
        while self._waiting:
            child = self._waiting.pop()
            child.kill()
            child.communicate()

    def check(self, bundle: Bundle, runtime: str, threads: int) -> None:
        """Raises BundleError (ParityError) where the child ends badly; ConfigError as it does.

        runtime: one of the CPU, or auto; an accelerator has a trial of its own.
        """
        key = (bundle.sha256, runtime, threads)
        if key in self._passed:
            return
        self._run(bundle, runtime, threads)
        self._passed.add(key)

    def _run(self, bundle: Bundle, runtime: str, threads: int) -> None:
        # Not before foresee(): it takes as long as the child does.
        from edge_agent.contracts.model.bundle import archive_of

        asked = json.dumps([runtime, threads]).encode() + b"\n" + archive_of(bundle)
        code, out, err = self._answer(self._next_child(), asked, bundle.source)
        if code == UNASKED:
            code, out, err = self._answer(self._start(), asked, bundle.source)
        if code < 0:
            raise ended_error(-code, bundle.source)
        if code:
            raise _error(out, err, bundle.source)

    def _next_child(self) -> Child:
        """The one that waits longest; one that has ended meanwhile says nothing of any bundle."""
        self._to_come = max(0, self._to_come - 1)
        while self._waiting:
            child = self._waiting.pop(0)
            if child.poll() is None:
                self._get_ready()
                return child
            child.communicate()
        return self._start()

    def _get_ready(self) -> None:
        with contextlib.suppress(OSError):  # the trial itself starts one then
            while len(self._waiting) < min(READY, self._to_come):
                self._waiting.append(self._start())

    def _start(self) -> Child:
        return start_child(self.command)

    def _answer(self, child: Child, asked: bytes, source: str) -> tuple[int, bytes, bytes]:
        """Its exit code and what it wrote."""
        try:
            out, err = child.communicate(asked, self.limit_s)
        except subprocess.TimeoutExpired as error:
            child.kill()
            child.communicate()
            raise ended_error(signal.SIGALRM, source) from error
        return child.returncode, out, err


def start_child(command: list[str]) -> Child:
    """A process with pipes that imports what this one does."""
    paths = os.pathsep.join(path for path in sys.path if path)
    return subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": paths},
    )


TRIALS = Trials()
"""Of a station: a bundle that two channels share, or that is loaded again, is tried once."""


def _error(out: bytes, err: bytes, source: str) -> LinesideError:
    try:
        name, what, where, cure = json.loads(out.splitlines()[-1])
    except (ValueError, LookupError):
        last = (err.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        return BundleError(f"its first run fails ({last[:200]})", where=source, cure=CURE)
    kind = next((one for one in ERRORS if one.__name__ == name), BundleError)
    return kind(what, where=where, cure=cure)
