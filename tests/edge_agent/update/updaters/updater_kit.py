"""A station and releases as one file, for tests of other updaters; and their real programs."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.__main__ import main as deploy
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.update.bundle_update import journal_of
from edge_agent.update.slots import status
from edge_agent.update.state_word import STATE_JSON
from tests.edge_agent.rollout.rollout_kit import Line, open_line
from tests.station_kit import wait_until

REPOSITORY = Path(__file__).parents[4]


def station(folder: Path) -> Line:
    """A station that runs 1.0.0, by its own self-test."""
    return open_line(folder)


def packed(line: Line, version: str, *words: str, score_off: float = 0.0) -> Path:
    """`lineside-deploy pack` of a new release; the .release file."""
    workshop = line.workshop
    bundle = workshop.signed(version, score_off=score_off)
    releases = str(workshop.folder / "releases")
    place = ["--releases", releases, "--out", str(line.folder)]
    assert deploy(["pack", str(bundle), *place, *words]) == 0
    return line.folder / f"brightness-{version}.release"


def version(line: Line) -> str:
    """What is current."""
    return status(line.root)[0].version


def need(*programs: str) -> None:
    """Skip, loudly, where a program is not installed."""
    missing = [name for name in programs if shutil.which(name) is None]
    if missing:
        pytest.skip(
            f"{', '.join(missing)} not installed (apt install mender-client "
            "mender-artifact rauc rauc-service squashfs-tools dbus)"
        )


def agent_program(folder: Path) -> Path:
    """The agent of this tree as one executable file, as /opt/lineside/bin has it."""
    path = folder / "lineside-agent"
    words = f'cd {REPOSITORY} && exec {sys.executable} -m edge_agent "$@"'
    path.write_text(f"#!/bin/sh\n{words}\n")
    path.chmod(0o755)
    return path


def say_state(line: Line, state: str, title: str) -> None:
    """The station's word, as the running agent writes it."""
    folder = line.root / "state"
    folder.mkdir(exist_ok=True)
    message = StateMessage.model_validate(
        {"station": "press", "at_ns": 0, "state": state, "bundles": {"top": title}}
    )
    (folder / STATE_JSON).write_text(message.model_dump_json())


@contextmanager
def disarming(line: Line, title: str) -> Iterator[None]:
    """A station that is armed with the bundle `title`, and disarmed once its probation begins."""
    say_state(line, "armed", title)

    def is_watched() -> bool:
        journal = journal_of(line.root)
        return journal is not None and journal.state == "probation"

    def disarm() -> None:
        wait_until(is_watched, 120)
        wait_until(lambda: False, 1.5)
        say_state(line, "disarmed", title)

    thread = threading.Thread(target=disarm)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def run(words: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    """A program with what it printed."""
    return subprocess.run(
        words, cwd=folder, capture_output=True, text=True, timeout=240, check=False
    )
