"""An agent goes to a host over a real sshd; the station checks it as it checks a release."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.push.agent import newest_set
from edge_agent.contracts.core.errors import ConfigError
from tests.signing_kit import Workshop
from tests.wheel_kit import agent_workshop, release_small_agent

PROGRAM = f"{shlex.quote(sys.executable)} -m edge_agent"
Shown = pytest.CaptureFixture[str]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    workshop = agent_workshop(tmp_path / "workshop")
    for version in ("1.9.0", "1.10.0"):
        release_small_agent(workshop, version)
    return workshop


def push(workshop: Workshop, target: str, *words: str | Path) -> int:
    releases = ["--releases", workshop.folder / "releases"]
    return main(["push-agent", "--to", target, *map(str, [*releases, *words]), "--json"])


def test_the_newest_agent_arrives_and_is_tried(
    workshop: Workshop, ssh_config: Path, tmp_path: Path, capsys: Shown
) -> None:
    """Its wheel of pip holds no pip: it gets as far as its environment."""
    root = tmp_path / "it's a $tation"
    (root / "trust").mkdir(parents=True)
    shutil.copy(workshop.public, root / "trust" / "root.json")
    words = ["--ssh-config", ssh_config, "--program", PROGRAM]
    assert push(workshop, f"station:{root}", *words) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["version"], found["state"]) == ("1.10.0", "quarantine")
    assert "cannot be installed" in found["reason"]
    assert not list((root / "agent" / "wheels").glob("*.whl")), "what was given up takes no room"
    assert not list((ssh_config.parent / "scratch").iterdir())


def test_a_station_that_trusts_another_root_takes_nothing(
    workshop: Workshop, tmp_path: Path, capsys: Shown
) -> None:
    stranger = agent_workshop(tmp_path / "stranger")
    root = tmp_path / "station"
    (root / "trust").mkdir(parents=True)
    shutil.copy(stranger.public, root / "trust" / "root.json")
    assert push(workshop, str(root)) == 1
    assert "not signed by a key that this station trusts" in capsys.readouterr().err
    assert not (root / "agent").exists()


def test_what_is_not_there_is_told(workshop: Workshop, tmp_path: Path, capsys: Shown) -> None:
    with pytest.raises(ConfigError, match=r"holds 0 kinds .*release --agent DIR"):
        newest_set(tmp_path, "")
    with pytest.raises(ConfigError, match=r"holds 1 kinds of agents \(agent-any\): name one"):
        newest_set(workshop.folder / "releases", "agent-mips")
    (wheel,) = workshop.folder.glob("releases/wheels/*lineside-1.10.0*")
    wheel.write_bytes(b"x")
    assert push(workshop, str(tmp_path)) == 1
    assert "is missing, or damaged: release the agent again" in capsys.readouterr().err
