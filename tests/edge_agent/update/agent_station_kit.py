"""A station whose agent is 1.0.0, and the newer one that was released after it."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from pathlib import Path

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.model.wheel_set import WheelSet
from edge_agent.update.agent_slots import AgentSlots
from edge_agent.update.agent_update import AgentStation, newest_agent, opened_agent
from edge_agent.update.fetch import Read, reader
from edge_agent.update.folder import Folder
from edge_agent.update.journal import Journal
from edge_agent.update.launcher import Launcher
from edge_agent.update.state_table import ATTEMPTS, ENDS
from tests.edge_agent.update.test_machine import Fault, PowerCut, proven
from tests.signing_kit import Workshop
from tests.wheel_kit import agent_workshop, release_small_agent

NAME = "agent-any"


@dataclass
class Deeds:
    """What was done at the station, and which places were read."""

    restarts: int = 0
    read: list[str] = field(default_factory=list)


def build(slot: Path, wheels: Path, chosen: WheelSet) -> None:
    """In the place of pip: the wheels that the list names are there, and the slot is empty."""
    assert {wheel.file for wheel in chosen.wheels} <= {path.name for path in wheels.iterdir()}
    assert not list(slot.iterdir())
    (slot / "agent").write_text(chosen.version)


def passes(slot: Path, chosen: WheelSet) -> None:
    assert (slot / "agent").read_text() == chosen.version


def first_release(folder: Path) -> Workshop:
    """A workshop that released the agent 1.0.0."""
    workshop = agent_workshop(folder)
    release_small_agent(workshop, "1.0.0")
    return workshop


def seed_station(workshop: Workshop) -> Path:
    """A station whose agent is 1.0.0; 1.1.0 is released after it."""
    root = workshop.folder / "seed"
    (root / "trust").mkdir(parents=True)
    (root / "state").mkdir()
    shutil.copy(workshop.public, root / "trust" / "root.json")
    station = at(root, workshop, Deeds())
    begin(station, workshop)
    assert to_the_end(station, Fault("done", PowerCut)).state == "done"
    release_small_agent(workshop, "1.1.0")
    return root


def at(root: Path, workshop: Workshop, deeds: Deeds) -> AgentStation:
    def source(folder: str, _: str) -> Read:
        read = reader(folder)

        def noted(path: str, most_bytes: int) -> bytes | None:
            deeds.read.append(path)
            return read(path, most_bytes)

        return noted

    def restart() -> None:
        deeds.restarts += 1

    return AgentStation(
        root, root / "state", SystemClock(), source, build, passes, proven, proven, restart
    )


def begin(station: AgentStation, workshop: Workshop) -> None:
    candidate = newest_agent(station, NAME, str(workshop.folder / "releases"))
    with opened_agent(station) as machine:
        machine.begin(candidate)


def current(station: AgentStation) -> str:
    """The version of the agent that the launcher would start; it must be whole."""
    launcher = Launcher(station.root, station.state_dir, [], station.clock)
    slot = launcher.choose().slot
    with Folder.open(station.root / "agent") as folder:
        slots = AgentSlots(folder)
        wheels = slots.wheel_set(slot)
        if slot is None:
            return "own"
        assert wheels is not None
        passes(slots.path(slot), wheels)
        return wheels.version


def to_the_end(station: AgentStation, fault: Fault) -> Journal:
    """Go on as a service does that is started again; every time the station must be whole."""
    for _ in range(3 * ATTEMPTS):
        try:
            with opened_agent(station, fault.around) as machine:
                journal = machine.run()
        except (PowerCut, LinesideError):
            journal = None
        assert current(station) in ("own", "1.0.0", "1.1.0")
        if journal is not None and journal.state in ENDS:
            return journal
    raise AssertionError("no end")
