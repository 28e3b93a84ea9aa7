"""Processes that a busy computer must not hold up: the agent as its unit starts it, and what stands
for a device of its own."""

from __future__ import annotations

import contextlib
import os

from edge_agent.contracts.core.real_time import VARIABLE

PRIORITY = 1
"""Of a device; what a part waits for in the agent has one more."""


def service_environment() -> dict[str, str]:
    """The environment of an agent that its unit starts: in real time, where this user may."""
    return os.environ | {VARIABLE: "1"}


def hurry(process: int) -> None:
    """Let a process run before all that are not in a hurry, as `chrt -r 1` does."""
    with contextlib.suppress(OSError):
        os.sched_setscheduler(process, os.SCHED_RR, os.sched_param(PRIORITY))
