"""A rollout over real station folders, by the programs that an integrator uses."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.rollout.inventory import read_inventory
from deploy.rollout.journal import read_rollout
from deploy.rollout.transport import Release
from deploy.rollout.transports.ssh import SshTransport
from edge_agent.__main__ import main as agent
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.update.slots import install, status
from tests.signing_kit import Workshop, open_workshop

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """With two stations that run 1.0.0, a and b, and their inventory."""
    workshop = open_workshop(tmp_path / "workshop")
    install(workshop.signed("1.0.0"), tmp_path / "a", lambda _: None, trust=workshop.public)
    shutil.copytree(tmp_path / "a", tmp_path / "b", symlinks=True)
    rows = [f'[[station]]\nname = "{name}"\nhost = "{tmp_path / name}"\n' for name in "ab"]
    (tmp_path / "stations.toml").write_text("".join(rows))
    return workshop


def test_a_station_is_asked_and_taken_back_by_its_own_verbs(
    workshop: Workshop, tmp_path: Path
) -> None:
    new = workshop.signed("1.1.0")
    manifest = read_bundle(new).manifest
    release = Release(new.name, new.read_bytes(), manifest, "0" * 64)
    assert (release.name, release.version) == ("brightness", "1.1.0")
    stations = SshTransport(read_inventory(tmp_path / "stations.toml"), release, 0.0)
    assert stations.version("a") == "1.0.0"
    assert stations.go_back("a", "1.0.0") == "", "it does not have the release"
    assert stations.update("a") == ""
    assert stations.update("a") == "", "begun again by a controller that died"
    assert stations.go_back("a", "1.1.0") == "", "it had the release before"
    assert stations.version("a") == "1.1.0"
    assert stations.go_back("a", "1.0.0") == ""
    assert stations.go_back("a", "1.0.0") == ""
    assert versions(tmp_path) == ["1.0.0", "1.0.0"]


def test_an_update_that_is_still_at_work_ends_on_the_way_back(
    workshop: Workshop, tmp_path: Path, capsys: Shown
) -> None:
    """As after a lost connection: it would go on, and leave the release there."""
    new = workshop.signed("1.1.0")
    release = Release(new.name, new.read_bytes(), read_bundle(new).manifest, "0" * 64)
    stations = SshTransport(read_inventory(tmp_path / "stations.toml"), release, 0.0)
    assert agent(["update", "start", str(new), "--root", str(tmp_path / "a"), "--ask"]) == 0
    assert stations.go_back("a", "1.0.0") == ""
    assert agent(["update", "status", "--root", str(tmp_path / "a")]) == 1
    assert "the rollout went back" in capsys.readouterr().out
    assert agent(["update", "resume", "--root", str(tmp_path / "a")]) == 1
    assert versions(tmp_path) == ["1.0.0", "1.0.0"]
    assert stations.update("a") == "", "that others failed is no verdict about it"
    assert versions(tmp_path) == ["1.1.0", "1.0.0"]


def test_an_update_of_another_release_is_left_alone(workshop: Workshop, tmp_path: Path) -> None:
    old, new = workshop.signed("1.1.0"), workshop.signed("1.2.0")
    release = Release(old.name, old.read_bytes(), read_bundle(old).manifest, "0" * 64)
    stations = SshTransport(read_inventory(tmp_path / "stations.toml"), release, 0.0)
    assert agent(["update", "start", str(new), "--root", str(tmp_path / "a"), "--ask"]) == 0
    assert stations.go_back("a", "1.0.0") == ""
    assert agent(["update", "promote", "--root", str(tmp_path / "a")]) == 0
    assert versions(tmp_path) == ["1.2.0", "1.0.0"]


def rollout(folder: Path, *words: str | Path) -> int:
    where = ["--stations", str(folder / "stations.toml"), "--folder", str(folder / "rollout")]
    unwatched = ["--probation", "0"] if words[0] == "start" else []  # no agent runs there
    return main(["rollout", *map(str, words), *unwatched, *where, "--json"])


def versions(folder: Path) -> list[str]:
    return [status(folder / name)[0].version for name in "ab"]


def test_a_release_goes_from_group_to_group(
    workshop: Workshop, tmp_path: Path, capsys: Shown
) -> None:
    new = workshop.signed("1.1.0")
    assert (
        rollout(tmp_path, "start", new, "--groups", "1,100%", "--ask", "--per-minute", "6e4") == 0
    )
    assert json.loads(capsys.readouterr().out)["phase"] == "asking"
    assert versions(tmp_path) == ["1.1.0", "1.0.0"]
    assert rollout(tmp_path, "start", new) == 2
    assert "a rollout of brightness 1.1.0 is there already (asking)" in capsys.readouterr().err
    assert rollout(tmp_path, "approve") == 0
    assert json.loads(capsys.readouterr().out)["phase"] == "done"
    assert versions(tmp_path) == ["1.1.0", "1.1.0"]


def test_a_bad_release_ends_at_the_first_station(
    workshop: Workshop, tmp_path: Path, capsys: Shown
) -> None:
    bad = workshop.signed("1.1.0", score_off=0.3)
    assert rollout(tmp_path, "start", bad, "--groups", "1,100%") == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["phase"], found["stations"]["b"]["progress"]) == ("failed", "waiting")
    assert "scores" in found["reason"]
    assert versions(tmp_path) == ["1.0.0", "1.0.0"]
    assert rollout(tmp_path, "status") == 1


def test_a_rollout_takes_the_newest_metadata_along(
    workshop: Workshop, tmp_path: Path, capsys: Shown
) -> None:
    """Another release reached station b after this one was made: its own metadata is older."""
    new = workshop.signed("1.1.0")
    later = workshop.signed("1.0.1")
    assert main(["push", str(later), "--to", str(tmp_path / "b")]) == 0
    releases = ("--releases", workshop.folder / "releases")
    assert rollout(tmp_path, "start", new, *releases, "--per-minute", "6e4") == 0
    assert versions(tmp_path) == ["1.1.0", "1.1.0"]


def test_a_withdrawn_bundle_is_not_begun(workshop: Workshop, tmp_path: Path, capsys: Shown) -> None:
    new = workshop.signed("1.1.0")
    workshop.repository().withdraw("main/brightness-1.1.0.bundle")
    releases = ("--releases", workshop.folder / "releases")
    assert rollout(tmp_path, "start", new, *releases) == 1
    assert "withdrawn in" in capsys.readouterr().err
    assert rollout(tmp_path, "start", new, "--releases", tmp_path / "none") == 2
    assert "none: no folder of releases" in capsys.readouterr().err
    assert not (tmp_path / "rollout").exists()


def test_a_rollout_goes_on_with_the_inventory_of_its_start(
    workshop: Workshop, tmp_path: Path, capsys: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another plant's stations.toml lies where the person stands."""
    new = workshop.signed("1.1.0")
    (tmp_path / "stations.toml").rename(tmp_path / "two.toml")
    other = tmp_path / "stations.toml"
    other.write_text('[[station]]\nname = "z"\nhost = "z"\n')
    monkeypatch.chdir(tmp_path)
    start = ["rollout", "start", str(new), "--stations", "two.toml", "--groups", "1,100%", "--ask"]
    assert main([*start, "--per-minute", "6e4", "--probation", "0"]) == 0
    assert main(["rollout", "approve", "--stations", "stations.toml"]) == 2
    error = capsys.readouterr().err
    assert "stations.toml: 2 stations of this rollout are not in it, first 'a'" in error
    assert read_rollout(tmp_path / "rollout").approved == 0
    assert main(["rollout", "approve"]) == 0
    assert versions(tmp_path) == ["1.1.0", "1.1.0"]


def test_a_pilot_stays_a_pilot_until_another_rollout_begins(
    workshop: Workshop, tmp_path: Path, capsys: Shown
) -> None:
    new = workshop.signed("1.1.0")
    assert rollout(tmp_path, "start", new, "--groups", "1", "--per-minute", "6e4") == 0
    shown = capsys.readouterr()
    found = json.loads(shown.out)
    assert (found["phase"], list(found["stations"]), found["left_out"]) == ("done", ["a"], 1)
    assert "1 more stations of the inventory are in no group" in shown.err
    assert versions(tmp_path) == ["1.1.0", "1.0.0"]
    assert rollout(tmp_path, "start", new, "--groups", "1,100%", "--per-minute", "6e4") == 0
    assert versions(tmp_path) == ["1.1.0", "1.1.0"]
    first = json.loads((tmp_path / "rollout" / "rollout-1.json").read_text())
    assert (first["phase"], list(first["stations"])) == ("done", ["a"])


def test_a_rollout_watches_its_stations_where_nobody_says_how_long(
    workshop: Workshop, tmp_path: Path
) -> None:
    """As far as the journal: a station without an agent would be watched for a minute."""
    new = workshop.signed("1.1.0")
    words = ["--stations", str(tmp_path / "stations.toml"), "--folder", str(tmp_path / "rollout")]
    (tmp_path / "a").rename(tmp_path / "away")
    assert main(["rollout", "start", str(new), *words, "--groups", "1"]) == 1
    assert read_rollout(tmp_path / "rollout").probation_s == 60


@pytest.mark.parametrize("option", ["--probation=-1", "--probation=nan", "--per-minute=0"])
def test_a_number_that_is_none_is_named_by_its_option(
    option: str, workshop: Workshop, tmp_path: Path, capsys: Shown
) -> None:
    words = ["--stations", str(tmp_path / "stations.toml"), "--folder", str(tmp_path / "rollout")]
    with pytest.raises(SystemExit, match="2"):
        main(["rollout", "start", str(workshop.signed("1.1.0")), *words, option])
    assert f"argument {option.replace('=', ': ')} is not between" in capsys.readouterr().err
