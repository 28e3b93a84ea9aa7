"""An update of the agent, killed at every single change of the file system.

A child runs the update; at its n-th change (a file opened for writing, a rename, a link, a
removal, a folder) it kills itself with SIGKILL, for n = 1, 2, 3, ... until one goes through.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import BundleError
from edge_agent.update.agent_update import AgentStation, newest_agent, opened_agent
from edge_agent.update.journal import Journal
from edge_agent.update.state_table import ENDS
from tests.edge_agent.update.agent_station_kit import (
    NAME,
    Deeds,
    at,
    current,
    first_release,
    seed_station,
)
from tests.signing_kit import Workshop

pytestmark = [pytest.mark.faults, pytest.mark.timeout(3000)]

CHANGES = {"os.rename", "os.symlink", "os.remove", "os.mkdir", "os.rmdir"}


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return first_release(tmp_path_factory.mktemp("workshop"))


@pytest.fixture(scope="module")
def seed(workshop: Workshop) -> Path:
    return seed_station(workshop)


def go_on(station: AgentStation, workshop: Workshop) -> str:
    """Begin the update where none is at work, and go on to its end."""
    with opened_agent(station) as machine:
        journal = machine.run()
        if journal is None or (journal.state in ENDS and current(station) != "1.1.0"):
            machine.begin(newest_agent(station, NAME, str(workshop.folder / "releases")))
            journal = machine.run()
    assert journal is not None
    return journal.state


def killed_at(number: int, station: AgentStation, workshop: Workshop) -> bool:
    """Whether a child that dies at its change `number` did so, before its update was through."""
    child = os.fork()
    if child == 0:
        left = number

        def count(event: str, words: tuple[object, ...]) -> None:
            nonlocal left
            flags = words[2] if event == "open" and len(words) > 2 else 0
            writes = isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR)
            if event in CHANGES or writes:
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(count)
        try:
            go_on(station, workshop)
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def test_a_kill_at_any_change_leaves_a_whole_agent(
    seed: Path, workshop: Workshop, tmp_path: Path
) -> None:
    cut: list[int] = []
    while True:
        root = tmp_path / "station"
        shutil.copytree(seed, root, symlinks=True)
        station = at(root, workshop, Deeds())
        if not killed_at(len(cut) + 1, station, workshop):
            break
        cut.append(len(cut) + 1)
        assert current(station) in ("1.0.0", "1.1.0"), cut[-1]
        assert go_on(station, workshop) == "done", cut[-1]
        assert current(station) == "1.1.0", cut[-1]
        shutil.rmtree(root)
    print(f"{len(cut)} kills")  # noqa: T201
    assert len(cut) > 40


def test_a_kill_at_any_change_of_the_way_back_leaves_the_old_agent(
    seed: Path, workshop: Workshop, tmp_path: Path
) -> None:
    """The launcher gives the candidate up in its probation; the child dies on the way back."""

    def refused(_: Journal) -> bool:
        raise BundleError("given up", where="test", cure="none")

    cut = 0
    while True:
        root = tmp_path / "station"
        shutil.copytree(seed, root, symlinks=True)
        waiting = replace(at(root, workshop, Deeds()), proven=lambda _: False)
        assert go_on(waiting, workshop) == "probation"
        station = replace(waiting, proven=refused)
        if not killed_at(cut + 1, station, workshop):
            break
        cut += 1
        with opened_agent(station) as machine:
            journal = machine.run()
        assert (journal.state if journal else "", current(station)) == ("quarantine", "1.0.0"), cut
        shutil.rmtree(root)
    print(f"{cut} kills")  # noqa: T201
    assert cut > 8
