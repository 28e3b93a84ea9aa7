"""A candidate judges the frames of a real station; the outputs see nothing of it."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.wire.decision import Decision
from edge_agent.contracts.wire.observation import Observation
from edge_agent.station.config import read_config
from edge_agent.station.shadow import Shadow
from edge_agent.station.station import Station
from edge_agent.update.shadow_tally import ShadowTally, read_tally
from edge_agent.update.slots import install, status
from tests.signing_kit import Workshop, open_workshop
from tests.station_kit import write_frames

FRAMES = 12


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """With a station that runs 1.0.0."""
    workshop = open_workshop(tmp_path / "workshop")
    write_frames(tmp_path / "frames", FRAMES)
    (tmp_path / "station.toml").write_text(
        '[station]\nid = "a"\nstate_dir = "root/state"\n'
        '[line]\ndeadline_ms = 60000\n[trust]\nroot = "root"\n'
        '[[channel]]\nname = "top"\nkind = "image"\nbundle = "root/bundles/brightness"\n'
        '[channel.source]\ndriver = "folder"\npath = "frames"\n'
    )
    first = workshop.signed("1.0.0")
    install(first, tmp_path / "root", lambda _: None, trust=workshop.public)
    return workshop


class Seen:
    """Every observation; the shadow is shown them one by one, however busy the machine is."""

    def __init__(self) -> None:
        self.all: list[Observation] = []

    def observe(self, observation: Observation) -> None:
        self.all.append(observation)


def start(folder: Path, bundle: Path, *words: str) -> int:
    return main(
        ["update", "start", str(bundle), "--root", str(folder / "root"), "--shadow", *words]
    )


def run_the_line(folder: Path) -> tuple[list[Decision], list[Observation], ShadowTally]:
    """All frames once; decisions, disagreements and the tally."""
    config, clock = read_config(folder / "station.toml"), SystemClock()
    decisions: list[Decision] = []
    kept: list[Observation] = []
    shadow, seen = Shadow(config, clock, kept.append), Seen()
    station = Station(
        config, clock=clock, output=decisions.append, observers=[seen], remember=False
    )
    station.run(threading.Event())
    for observation in seen.all:
        shadow.observe(observation)
    shadow.close()
    shadow.observe(seen.all[0])
    tally = read_tally(config.station.state_dir, "brightness")
    assert tally is not None
    return decisions, kept, tally


def test_an_equal_candidate_passes_its_gate(tmp_path: Path, workshop: Workshop) -> None:
    words = ("--tolerated", "0.1", "--harmful", "0.4", "--error-rate", "0.05")
    assert start(tmp_path, workshop.signed("1.1.0"), *words) == 0
    decisions, kept, tally = run_the_line(tmp_path)
    assert (tally.items, tally.bad, kept) == (FRAMES, 0, [])
    assert {d.channels[0].bundle for d in decisions} == {"brightness 1.0.0"}
    assert main(["update", "resume", "--root", str(tmp_path / "root")]) == 0
    assert status(tmp_path / "root")[0].version == "1.1.0"
    assert not (tmp_path / "root/bundles/brightness/candidate").is_symlink()


def test_a_wrong_candidate_is_refused_and_its_items_are_evidence(
    tmp_path: Path, workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    assert start(tmp_path, workshop.inverted("1.1.0")) == 0
    decisions, kept, tally = run_the_line(tmp_path)
    assert (tally.items, tally.disagreed, len(kept)) == (FRAMES, FRAMES, FRAMES)
    assert [d.verdict.value for d in decisions].count("PASS") == FRAMES * 3 // 4
    capsys.readouterr()
    assert main(["update", "resume", "--json", "--root", str(tmp_path / "root")]) == 1
    journal = json.loads(capsys.readouterr().out)
    assert (journal["state"], status(tmp_path / "root")[0].version) == ("quarantine", "1.0.0")
    assert "12 of 12 items decided otherwise" in journal["reason"]
    assert not (tmp_path / "root/bundles/brightness/candidate").is_symlink()


def test_a_tally_goes_on_after_a_restart_of_the_agent(tmp_path: Path, workshop: Workshop) -> None:
    assert start(tmp_path, workshop.signed("1.1.0")) == 0
    assert run_the_line(tmp_path)[2].items == FRAMES
    assert run_the_line(tmp_path)[2].items == 2 * FRAMES


def test_without_a_candidate_nothing_is_written(tmp_path: Path, workshop: Workshop) -> None:
    config, clock = read_config(tmp_path / "station.toml"), SystemClock()
    shadow = Shadow(config, clock)
    Station(config, clock=clock, observers=[shadow]).run(threading.Event())
    shadow.close()
    assert read_tally(config.station.state_dir, "brightness") is None
