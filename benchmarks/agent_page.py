"""An agent with its page in a process of its own: started, alive, and ended by its number."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from benchmarks.brokers import free_port

FIRST_PORT = 8080
UP_S = 60.0


def page_port(first: int = FIRST_PORT) -> int:
    """`first` where it is free, else one that is."""
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.0.1", first))
        return first
    return free_port()


def start_agent(station: Path, log: Path) -> subprocess.Popen[bytes]:
    """`lineside-agent run`, which outlives who started it; its log goes to a file."""
    words = [sys.executable, "-m", "edge_agent", "run", "--quiet", str(station)]
    with log.open("wb") as stream:
        return subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream, start_new_session=True
        )


def wait_for_page(agent: subprocess.Popen[bytes], port: int, limit_s: float = UP_S) -> bool:
    """Whether the page answers before the agent ends or the time is over."""
    until = time.monotonic() + limit_s
    while time.monotonic() < until and agent.poll() is None:
        with contextlib.suppress(OSError):
            address = f"http://127.0.0.1:{port}/login"
            with urllib.request.urlopen(address, timeout=5) as answer:
                return int(answer.status) == 200
        time.sleep(0.1)
    return False
