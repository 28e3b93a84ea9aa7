"""The child that a verb goes on in: what ends it, and what the parent makes of that."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from edge_agent.contracts.core.isolation import ended_by

PROGRAM = """
import ctypes, os, resource, signal, sys, time
from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.core.isolation import fork_and_wait
try:
    code = fork_and_wait("x.bundle", cpu_limit_s={cpu_limit_s})
except BundleError as error:
    sys.exit(str(error))
if code is not None:
    print("parent", code)
    sys.exit(code)
{work}
"""


def run(work: str, cpu_limit_s: int = 0) -> subprocess.CompletedProcess[str]:
    program = PROGRAM.format(work=work, cpu_limit_s=cpu_limit_s)
    words = [sys.executable, "-c", program]
    return subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("code", [0, 1, 3])
def test_the_childs_exit_code_is_the_programs(code: int) -> None:
    done = run(f"print('child'); sys.exit({code})")
    assert done.returncode == code
    assert done.stdout == f"child\nparent {code}\n"


@pytest.mark.parametrize(
    ("work", "words"),
    [
        ("ctypes.string_at(1)", "it crashes the runtime (SIGSEGV)"),
        ("os.abort()", "it crashes the runtime (SIGABRT)"),
        ("signal.setitimer(signal.ITIMER_REAL, 0.01); time.sleep(9)", "does not come to an end"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "takes too much memory"),
    ],
    ids=["segfault", "abort", "hang", "killed"],
)
def test_what_a_signal_ended_is_an_error_that_names_the_file(work: str, words: str) -> None:
    done = run(work)
    assert done.returncode == 1
    assert done.stderr.startswith("x.bundle: ")
    assert words in done.stderr
    assert "do not use it" in done.stderr


def test_a_child_that_spins_is_ended_by_its_processor_time() -> None:
    assert "does not come to an end" in run("while True: pass", cpu_limit_s=1).stderr


def test_memory_is_bounded() -> None:
    """Twice the machine's memory, which an overcommitting kernel might promise."""
    pages = "os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES')"
    done = run(f"bytearray({pages})")
    assert "MemoryError" in done.stderr


def test_a_signal_to_the_parent_ends_the_child() -> None:
    program = PROGRAM.format(
        cpu_limit_s=0,
        work="print(os.getpid(), flush=True)\ntime.sleep(60)",
    )
    head = (
        "import signal\n"
        "def end(number, frame): raise KeyboardInterrupt(128 + number)\n"
        "signal.signal(signal.SIGTERM, end)\n"
    )
    words = [sys.executable, "-c", head + program]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        child = int(parent.stdout.readline())  # type: ignore[union-attr]
        parent.send_signal(signal.SIGTERM)
        parent.wait(timeout=20)
    assert is_gone(child)


def test_a_child_whose_parent_was_killed_ends() -> None:
    program = PROGRAM.format(
        cpu_limit_s=0,
        work="print(os.getpid(), flush=True)\ntime.sleep(60)",
    )
    words = [sys.executable, "-c", program]
    with subprocess.Popen(words, stdout=subprocess.PIPE) as parent:
        child = int(parent.stdout.readline())  # type: ignore[union-attr]
        parent.kill()
    assert is_gone(child)


def is_gone(pid: int) -> bool:
    """Whether the process ends within some seconds; a zombie has ended."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            with open(f"/proc/{pid}/stat") as stat:  # noqa: PTH123
                if stat.read().rpartition(")")[2].split()[0] == "Z":
                    return True
        except (FileNotFoundError, ProcessLookupError):
            return True
        os.sched_yield()
    return False


def test_a_signal_without_a_name_is_named_by_its_number() -> None:
    assert ended_by(40) == "it crashes the runtime (signal 40)"
