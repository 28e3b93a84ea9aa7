"""A trial's own process answers by its exit code and one line of JSON, whatever it is given."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from edge_agent.infer import trial_process


def tried(stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", trial_process.__name__]
    return subprocess.run(command, input=stdin, capture_output=True, check=False, timeout=120)


def test_a_good_bundle_says_nothing(vibration_bundle: Path) -> None:
    done = tried(b'["litert", 1]\n' + vibration_bundle.read_bytes())
    assert (done.returncode, done.stdout) == (0, b""), done.stderr


def test_what_is_no_bundle_is_told_in_one_line() -> None:
    done = tried(b'["litert", 1]\nPK\x03\x04 no bundle')
    assert done.returncode == 1
    kind, what, where, cure = json.loads(done.stdout)
    assert (kind, where) == ("BundleError", "bundle")
    assert what
    assert cure


def test_whoever_is_given_nothing_ends_without_passing_anything() -> None:
    assert tried(b"").returncode == trial_process.UNASKED
