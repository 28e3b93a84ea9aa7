"""The verb by which a person, or a timer, updates the agent."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.cli.self_update import RESTART
from edge_agent.update.state_word import RUNNING_JSON, RunningAgent
from tests.edge_agent.update.agent_station_kit import Deeds, at, begin, to_the_end
from tests.edge_agent.update.test_machine import Fault, PowerCut
from tests.signing_kit import Workshop
from tests.wheel_kit import agent_workshop, release_small_agent

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    workshop = agent_workshop(tmp_path / "workshop")
    release_small_agent(workshop, "1.0.0")
    return workshop


@pytest.fixture
def root(workshop: Workshop, tmp_path: Path) -> Path:
    root = tmp_path / "station"
    (root / "trust").mkdir(parents=True)
    shutil.copy(workshop.public, root / "trust" / "root.json")
    return root


def update(root: Path, action: str, *words: str | Path) -> int:
    return main(["self-update", action, "--root", str(root), *map(str, words)])


def test_a_set_that_cannot_be_installed_is_given_up_and_shown(
    root: Path, workshop: Workshop, capsys: Shown
) -> None:
    """Its wheel of pip holds no pip."""
    releases = workshop.folder / "releases"
    assert update(root, "start", "--from", releases, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["name"], found["version"], found["state"]) == ("agent-any", "1.0.0", "quarantine")
    assert "cannot be installed" in found["reason"]
    assert update(root, "status") == 1
    assert "agent-any 1.0.0: quarantine" in capsys.readouterr().out
    assert update(root, "abort") == 0
    assert update(root, "resume") == 1
    capsys.readouterr()
    assert update(root, "start", "--from", releases) == 1
    assert "this candidate was given up" in capsys.readouterr().err
    assert not (root / "agent" / "current").exists()


def test_a_timer_goes_on_with_what_was_cut_short(
    root: Path, workshop: Workshop, capsys: Shown
) -> None:
    releases = workshop.folder / "releases"
    (wheel,) = releases.glob("wheels/*lineside*")
    wheel.rename(workshop.folder / "aside")
    assert update(root, "start", "--from", releases, "--json") == 1
    assert json.loads(capsys.readouterr().out)["state"] == "download"
    (workshop.folder / "aside").rename(wheel)
    release_small_agent(workshop, "1.1.0")
    stick = releases.rename(workshop.folder / "stick")
    assert update(root, "start", "--from", stick, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["state"]) == ("1.0.0", "quarantine"), "not a newer one"


def test_what_cannot_begin_is_told(root: Path, workshop: Workshop, capsys: Shown) -> None:
    assert update(root, "status") == 1
    assert "lineside-agent self-update start --from DIR" in capsys.readouterr().err
    releases = workshop.folder / "releases"
    assert update(root, "start", "--from", releases, "--name", "agent-mips") == 1
    assert "no release of 'agent-mips'" in capsys.readouterr().err
    assert update(root, "start", "--from", root / "nowhere") == 4
    assert RESTART.startswith("systemctl restart")


def test_the_newest_agent_is_not_called_done_while_another_one_runs(
    root: Path, workshop: Workshop, capsys: Shown
) -> None:
    """Its service may start no current agent, or the launcher could not start it."""
    state = root / "state"
    state.mkdir()
    station = at(root, workshop, Deeds())
    begin(station, workshop)
    assert to_the_end(station, Fault("done", PowerCut)).state == "done"
    for version, code in (("0.9.0", 1), ("1.0.0", 0)):
        (state / RUNNING_JSON).write_text(RunningAgent(version=version).model_dump_json())
        assert update(root, "start", "--from", workshop.folder / "releases") == code
        said = capsys.readouterr()
        assert ("agent 0.9.0 runs, 1.0.0 was asked for" in said.err) is bool(code)
        assert ("agent-any 1.0.0: done" in said.out) is not bool(code)
