"""Every state of an update of the agent, with every kind of failure before and after its action.

The matrix is made from the table of states. Whatever happens, and whenever: the agent that would be
started is the old one or the new one, whole, and going on leads to an end.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from deploy.signing.keys import Keyring
from deploy.signing.repository import Repository, Target
from edge_agent.contracts.core.errors import (
    BundleError,
    LinesideError,
    RollbackError,
    StorageError,
)
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.wheel_set import WheelSet
from edge_agent.update.agent_slots import AgentSlots, agent_version
from edge_agent.update.agent_update import (
    AgentStation,
    agent_journal,
    newest_agent,
    opened_agent,
    return_to_previous,
)
from edge_agent.update.folder import Folder
from edge_agent.update.state_table import ATTEMPTS, TABLE, State
from edge_agent.update.trial import Record, read_trial, write_record
from tests.edge_agent.update.agent_station_kit import (
    NAME,
    Deeds,
    at,
    begin,
    build,
    current,
    first_release,
    seed_station,
    to_the_end,
)
from tests.edge_agent.update.test_machine import FAULTS, Fault, PowerCut
from tests.signing_kit import Workshop, now
from tests.wheel_kit import agent_workshop, release_small_agent

STATES = [row.state for row in TABLE if row.state != "roll_back"]
SHARP = [
    kind if kind in ("power cut", "refused") else pytest.param(kind, marks=pytest.mark.faults)
    for kind in FAULTS
]
"""The others take the way of a power cut; the matrix has them where failures are tried in bulk."""


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return first_release(tmp_path_factory.mktemp("workshop"))


@pytest.fixture(scope="module")
def seed(workshop: Workshop) -> Path:
    return seed_station(workshop)


@pytest.fixture
def deeds() -> Deeds:
    return Deeds()


@pytest.fixture
def station(seed: Path, workshop: Workshop, deeds: Deeds, tmp_path: Path) -> AgentStation:
    shutil.copytree(seed, tmp_path / "station", symlinks=True)
    return at(tmp_path / "station", workshop, deeds)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("kind", SHARP)
@pytest.mark.parametrize("state", STATES)
def test_one_failure_leaves_a_whole_agent(
    state: State, kind: str, after: bool, station: AgentStation, workshop: Workshop
) -> None:
    begin(station, workshop)
    journal = to_the_end(station, Fault(state, FAULTS[kind], after))
    refused = "refused" if state == "download" else "quarantine"
    end = (refused, "1.0.0") if kind == "refused" else ("done", "1.1.0")
    assert (journal.state, current(station)) == end
    with Folder.open(station.root / "agent") as folder:
        assert read_trial(folder) is None


@pytest.mark.parametrize("state", STATES[1:])
def test_three_power_cuts_give_the_candidate_up(
    state: State, station: AgentStation, workshop: Workshop
) -> None:
    begin(station, workshop)
    fault = Fault(state, PowerCut, times=ATTEMPTS)
    assert to_the_end(station, fault).state == "quarantine"
    assert (current(station), fault.begun.count(state)) == ("1.0.0", ATTEMPTS)
    with opened_agent(station) as machine, pytest.raises(BundleError, match="was given up"):
        machine.begin(newest_agent(station, NAME, str(workshop.folder / "releases")))


def test_the_way_back_is_tried_until_it_is_gone(station: AgentStation, workshop: Workshop) -> None:
    begin(station, workshop)
    refused = Fault("probation", FAULTS["refused"])
    back = Fault("roll_back", PowerCut, times=ATTEMPTS + 1)
    both = Fault("done", PowerCut)
    both.around = lambda state, action: back.around(state, refused.around(state, action))  # type: ignore[method-assign]
    assert to_the_end(station, both).state == "quarantine"
    assert current(station) == "1.0.0"


def test_what_two_agents_share_is_fetched_once(
    station: AgentStation, workshop: Workshop, deeds: Deeds
) -> None:
    begin(station, workshop)
    to_the_end(station, Fault("done", PowerCut))
    fetched = [path for path in deeds.read if path.startswith("wheels/")]
    assert [path.partition(".")[2] for path in fetched] == ["lineside-1.1.0-py3-none-any.whl"]
    assert not (station.root / "agent" / "wheels" / "lineside-1.0.0-py3-none-any.whl").exists()


def test_a_candidate_waits_until_the_station_is_armed(
    station: AgentStation, workshop: Workshop
) -> None:
    waiting = replace(station, armed=lambda _: False)
    begin(waiting, workshop)
    for _ in range(2 * ATTEMPTS):
        with opened_agent(waiting) as machine:
            assert machine.run().state == "canary"  # type: ignore[union-attr]
    assert current(waiting) == agent_version(waiting.root, "own") == "1.0.0"
    with opened_agent(waiting) as machine:
        assert machine.promote().state == "done"  # type: ignore[union-attr]
    assert current(waiting) == agent_version(waiting.root, "own") == "1.1.0"


@pytest.mark.parametrize("promoted", [False, True])
def test_an_update_is_not_done_while_another_agent_runs(
    promoted: bool, station: AgentStation, workshop: Workshop
) -> None:
    """Neither by the launcher's word nor by a person's."""
    begun = replace(station, proven=lambda _: not promoted)
    (station.state_dir / "running.json").write_text('{"version":"1.0.0"}')
    begin(begun, workshop)
    with opened_agent(begun) as machine:
        journal = machine.run()
        if promoted:
            journal = machine.promote()
    assert journal is not None
    assert (journal.state, current(station)) == ("quarantine", "1.0.0")
    assert "agent 1.0.0 runs, 1.1.0 was asked for" in journal.reason


def test_a_station_without_slots_runs_the_launchers_own_agent(tmp_path: Path) -> None:
    assert agent_version(tmp_path, "0.9.0") == "0.9.0"


@pytest.mark.parametrize(("verdict", "restarts"), [("", 1), ("failed", 0), ("proven", 1)])
def test_a_way_back_restarts_what_still_runs_the_candidate(
    verdict: str, restarts: int, station: AgentStation, workshop: Workshop, deeds: Deeds
) -> None:
    waiting = replace(station, proven=lambda _: False)
    begin(waiting, workshop)
    running = station.state_dir / "running.json"
    with opened_agent(waiting) as machine:
        machine.run()
        running.write_text('{"version":"1.1.0"}')
        with Folder.open(station.root / "agent") as folder:
            trial = read_trial(folder)
        assert trial is not None
        write_record(
            station.state_dir,
            Record(trial=trial.trial, starts=1, verdict=verdict),  # type: ignore[arg-type]
        )
        assert machine.abort("a person").state == "quarantine"  # type: ignore[union-attr]
    assert (deeds.restarts, current(station)) == (restarts, "1.0.0")
    assert running.exists() == (not restarts), "the one that is restarted may say nothing"


def test_a_person_goes_back_and_no_timer_forward(
    station: AgentStation, workshop: Workshop, deeds: Deeds
) -> None:
    with pytest.raises(BundleError, match="there is no previous agent"):
        return_to_previous(station)
    begin(station, workshop)
    with pytest.raises(BundleError, match="there is no previous agent"):
        return_to_previous(station)
    to_the_end(station, Fault("done", PowerCut))
    running = station.state_dir / "running.json"
    running.write_text('{"version":"1.1.0"}')
    forgotten: list[bool] = []

    def restart() -> None:
        forgotten.append(not running.exists())
        station.restart()

    assert return_to_previous(replace(station, restart=restart)) == "1.0.0"
    assert forgotten == [True], "before the one that runs now may have said which it is"
    assert (current(station), deeds.restarts) == ("1.0.0", 1)
    with pytest.raises(BundleError, match=r"was given up \(a person went back\)"):
        begin(station, workshop)
    with pytest.raises(BundleError, match="was given up"):
        return_to_previous(station)


def test_a_withdrawn_agent_is_not_returned_to(tmp_path: Path) -> None:
    workshop = agent_workshop(tmp_path / "workshop")
    root = tmp_path / "station"
    (root / "trust").mkdir(parents=True)
    (root / "state").mkdir()
    shutil.copy(workshop.public, root / "trust" / "root.json")
    station = at(root, workshop, Deeds())
    release_small_agent(workshop, "1.0.0")
    begin(station, workshop)
    to_the_end(station, Fault("done", PowerCut))
    release_small_agent(workshop, "1.1.0")
    workshop.repository().withdraw("agent/agent-any-1.0.0.wheels")
    begin(station, workshop)
    to_the_end(station, Fault("done", PowerCut))
    with pytest.raises(BundleError, match="withdrawn"):
        return_to_previous(station)
    assert current(station) == "1.1.0"


@pytest.mark.parametrize("fault", ["build", "try", "probation"])
def test_nothing_stays_of_an_agent_that_was_given_up(
    fault: str, station: AgentStation, workshop: Workshop
) -> None:
    def full(slot: Path, wheels: Path, chosen: WheelSet) -> None:
        build(slot, wheels, chosen)
        raise StorageError("no space for the new agent", where=str(slot))

    def fails(*_: object) -> bool:
        raise BundleError("does not arm", where="agent")

    changes: dict[str, dict[str, object]] = {
        "build": {"build": full},
        "try": {"try_it": fails},
        "probation": {"proven": fails},
    }
    faulty = replace(station, **changes[fault])  # type: ignore[arg-type]
    before = content(station)
    begin(faulty, workshop)
    assert to_the_end(faulty, Fault("done", PowerCut)).state == "quarantine"
    assert (current(station), content(station)) == ("1.0.0", before)
    with pytest.raises(BundleError, match="there is no previous agent"):
        return_to_previous(station)


def content(station: AgentStation) -> list[str]:
    """The slots and files of the agent's folder that take space."""
    agent = station.root / "agent"
    found = [*agent.glob("slots/*"), *agent.glob("wheels/*.whl"), *agent.glob("incoming.*")]
    return sorted(str(path.relative_to(agent)) for path in found)


def test_an_older_agent_is_refused(station: AgentStation, workshop: Workshop) -> None:
    old = newest_agent(station, NAME, str(workshop.folder / "releases"))
    begin(station, workshop)
    to_the_end(station, Fault("done", PowerCut))
    with Folder.open(station.root / "agent") as folder:
        slots = AgentSlots(folder)
        wheels = slots.wheel_set(old.candidate)
        assert wheels is not None
        with pytest.raises(RollbackError, match=r"1\.0\.9 is older than 1\.1\.0"):
            slots.refuse_older(wheels.model_copy(update={"version": "1.0.9"}), "0" * 64)
        with pytest.raises(RollbackError, match="another agent of the same version"):
            slots.refuse_older(wheels, "0" * 64)


def test_a_wheel_that_was_changed_is_not_stored(
    station: AgentStation, workshop: Workshop, tmp_path: Path
) -> None:
    releases = tmp_path / "stick"
    shutil.copytree(workshop.folder / "releases", releases)
    (wheel,) = releases.glob("wheels/*lineside-1.1.0*")
    wheel.write_bytes(wheel.read_bytes()[:-1] + b"x")
    with opened_agent(station) as machine:
        machine.begin(newest_agent(station, NAME, str(releases)))
        journal = machine.run()
    assert journal is not None
    assert "is missing, or not what was released: copy the folder" in journal.reason
    assert not (station.root / "agent" / "wheels" / wheel.name.partition(".")[2]).exists()


def test_a_newer_release_in_between_is_told(station: AgentStation, workshop: Workshop) -> None:
    begin(station, workshop)
    stale = agent_journal(station.root)
    assert stale is not None
    with opened_agent(station) as machine:
        machine.abort("not yet begun")
        machine.begin(stale.model_copy(update={"candidate": "1" * 64}))
        journal = machine.run()
    assert journal is not None
    assert "another agent has been released meanwhile" in journal.reason


def test_what_another_line_calls_an_agent_is_none(
    station: AgentStation, workshop: Workshop, tmp_path: Path
) -> None:
    """Whoever holds the key of another line can neither release an agent nor hide one."""
    releases = tmp_path / "releases"
    shutil.copytree(workshop.folder / "releases", releases)
    stranger = Repository(releases, Keyring(workshop.keys), now())
    text = (next(releases.glob("targets/agent/*agent-any-1.1.0.wheels"))).read_bytes()
    text = text.replace(b"1.1.0", b"9.9.9")
    custom = {"manifest_sha256": sha256_hex(text)}
    stranger.add("main", [Target("main/agent-any-9.9.9.wheels", text, custom)])
    assert newest_agent(station, NAME, str(releases)).version == "1.1.0"


def test_a_station_without_a_root_takes_no_agent(workshop: Workshop, tmp_path: Path) -> None:
    with pytest.raises(LinesideError, match="no folder with a root of trust"):
        newest_agent(at(tmp_path, workshop, Deeds()), NAME, str(workshop.folder / "releases"))
    assert agent_journal(tmp_path) is None
    (tmp_path / "trust").mkdir()
    shutil.copy(workshop.public, tmp_path / "trust" / "root.json")
    station = at(tmp_path, workshop, Deeds())
    with pytest.raises(StorageError, match="no release of 'agent-mips'"):
        newest_agent(station, "agent-mips", str(workshop.folder / "releases"))
