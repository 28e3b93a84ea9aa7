"""The process that measures answers with a row for each runtime, as soon as it has it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from edge_agent.infer import rivals_process
from edge_agent.infer.timed import Timed


def answered(stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", rivals_process.__name__]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=120)


def test_each_runtime_has_a_line(vibration_bundle: Path) -> None:
    asked = b'[["litert", "edgetpu"], 1]\n' + vibration_bundle.read_bytes()
    done = answered(asked)
    assert done.returncode == 0, done.stderr
    first, second = (Timed.model_validate_json(line) for line in done.stdout.splitlines())
    assert (first.name, first.refused, first.ratio) == ("litert", "", 1.0)
    assert first.ms > 0
    assert second.name == "edgetpu"
    assert second.refused


def test_what_is_no_bundle_has_none() -> None:
    done = answered(b'[["litert"], 1]\nPK\x03\x04 no bundle')
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"bundle" in done.stderr
