"""The first run of a bundle's model, in a process of its own (infer/trial_process).

A model that is damaged, or meant to do harm, can crash the runtime, never end, or take all memory.
A station has other channels to watch, and an installer a station to leave as it was: so the parity
vectors run here first. The bundle comes on stdin; the answer is one line of JSON on stdout.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass, field

from edge_agent.contracts.core.errors import (
    BundleError,
    ConfigError,
    InputError,
    LinesideError,
    ParityError,
)
from edge_agent.contracts.core.isolation import CURE, ended_error
from edge_agent.contracts.model.bundle import Bundle, archive_of

LIMIT_S = 300.0
ERRORS = (BundleError, ConfigError, InputError, ParityError)
"""What a trial may find; anything else it says is a BundleError."""


@dataclass
class Trials:
    """Runs the first run of each bundle in a child, once for each runtime and process."""

    limit_s: float = LIMIT_S
    command: list[str] = field(
        default_factory=lambda: [sys.executable, "-P", "-m", "edge_agent.infer.trial_process"]
    )
    _passed: set[tuple[str, str, int]] = field(default_factory=set)

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
        paths = os.pathsep.join(path for path in sys.path if path)
        try:
            done = subprocess.run(
                [*self.command, runtime, str(threads)],
                input=archive_of(bundle),
                capture_output=True,
                timeout=self.limit_s,
                check=False,
                env={**os.environ, "PYTHONPATH": paths},
            )
        except subprocess.TimeoutExpired as error:
            raise ended_error(signal.SIGALRM, bundle.source) from error
        if done.returncode < 0:
            raise ended_error(-done.returncode, bundle.source)
        if done.returncode:
            raise _error(done.stdout, done.stderr, bundle.source)


def _error(out: bytes, err: bytes, source: str) -> LinesideError:
    try:
        name, what, where, cure = json.loads(out.splitlines()[-1])
    except (ValueError, LookupError):
        last = (err.decode(errors="replace").strip().splitlines() or ["no message"])[-1]
        return BundleError(f"its first run fails ({last[:200]})", where=source, cure=CURE)
    kind = next((one for one in ERRORS if one.__name__ == name), BundleError)
    return kind(what, where=where, cure=cure)
