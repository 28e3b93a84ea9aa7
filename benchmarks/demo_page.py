"""The end of the demonstration: the same line runs on, with the station's page open."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

from benchmarks.agent_page import page_port, start_agent, wait_for_page
from edge_agent.web.users import Role, UserFile

NAME, PASSWORD = "demo", "lineside"
MINUTES = 30
RATE_HZ = 2
STATION = """\
[station]
id = "demo"
state_dir = "page-state"

[trust]
root = "station"

[web]
enabled = true
port = {port}

[evidence]
enabled = true

[golden]
every_h = 8

[line]
deadline_ms = 1000

[[channel]]
name = "camera"
kind = "image"
bundle = "station/bundles/{bundle}"
[channel.source]
driver = "simulated"
seed = {seed}
start = {start}
parts = {parts}
rate_hz = {rate_hz}
defect_rate = 0.1
"""


@dataclass(frozen=True)
class OpenPage:
    """Where the page is, and the agent that serves it until the line has ended."""

    address: str
    agent: subprocess.Popen[bytes]


def open_page(folder: Path, seed: int, start: int, bundle: str = "parts") -> OpenPage | None:
    """Start the line with its page; None where it did not come up (see page.log).

    folder: of the demonstration, with its bundles; start: number of the first part.
    """
    UserFile(folder / "users.json").add(NAME, Role.ENGINEER, PASSWORD)
    port = page_port()
    parts = MINUTES * 60 * RATE_HZ
    station = folder / "page.toml"
    station.write_text(
        STATION.format(
            port=port, seed=seed, start=start, parts=parts, rate_hz=RATE_HZ, bundle=bundle
        )
    )
    agent = start_agent(station, folder / "page.log")
    if not wait_for_page(agent, port):
        agent.kill()
        agent.wait()
        return None
    return OpenPage(f"http://127.0.0.1:{port}/", agent)
