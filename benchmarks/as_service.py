"""Processes that a busy computer must not hold up: the agent as it is installed and as its unit
starts it, and what stands for a device of its own."""

from __future__ import annotations

import compileall
import contextlib
import os
from pathlib import Path

import edge_agent
from edge_agent.contracts.core.real_time import VARIABLE

PRIORITY = 1
"""Of a device; what a part waits for in the agent has one more."""


def write_byte_code() -> None:
    """Compile the agent's modules, as pip does where it installs it: a start from a checkout, which
    may be told to write no byte code, would compile each of them twice, here and in the trial."""
    for folder in edge_agent.__path__:
        compileall.compile_dir(Path(folder), quiet=1)


def service_environment() -> dict[str, str]:
    """The environment of an agent that its unit starts: in real time, where this user may."""
    return os.environ | {VARIABLE: "1"}


def hurry(process: int) -> None:
    """Let a process run before all that are not in a hurry, as `chrt -r 1` does."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(process, os.SCHED_RR, os.sched_param(PRIORITY))
