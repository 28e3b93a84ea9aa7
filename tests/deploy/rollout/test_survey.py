"""Every station of an inventory at a glance, and a reset of one, by the verbs."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.rollout.inventory import Inventory, StationRow
from deploy.rollout.survey import survey
from edge_agent.contracts.core.own_version import own_version
from edge_agent.update.slots import install
from tests.signing_kit import open_workshop

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    """stations.toml: a good station, one with a damaged bundle, and an empty one."""
    workshop = open_workshop(tmp_path / "workshop")
    bundle = workshop.signed("1.0.0")
    for name in ("good", "damaged"):
        install(bundle, tmp_path / name, lambda _: None, trust=workshop.public)
    (file,) = (tmp_path / "damaged").rglob("*.bundle")
    file.write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    names = ("good", "damaged", "empty")
    rows = [f'[[station]]\nname = "{name}"\nhost = "{tmp_path / name}"\n' for name in names]
    (tmp_path / "stations.toml").write_text("".join(rows))
    return tmp_path / "stations.toml"


def test_every_station_is_shown_with_its_faults(plant: Path, capsys: Shown) -> None:
    assert main(["status", "--stations", str(plant), "--json"]) == 1
    good, damaged, empty = json.loads(capsys.readouterr().out)
    assert good["bundles"][0]["version"] == "1.0.0"
    assert "brightness.bundle" in damaged["bundles"][0]["fault"]
    assert (empty["bundles"], empty["fault"]) == ([], "")
    assert (good["agent"], empty["agent"]) == (own_version(),) * 2
    main(["status", "--stations", str(plant)])
    assert f"good: brightness 1.0.0 (agent {own_version()})\n" in capsys.readouterr().out


def test_a_station_out_of_reach_hides_no_other(tmp_path: Path) -> None:
    rows = [
        StationRow(name="far", host="nobody@127.0.0.1:x"),
        StationRow(name="near", host=str(tmp_path)),
    ]
    far, near = survey(Inventory(station=rows, ssh_config=Path("/dev/null")))
    assert (far.reached, far.is_well, near.reached, near.is_well) == (False, False, True, True)
    assert far.line().startswith("far: nobody@127.0.0.1: cannot be reached by ssh")
    assert near.line() == f"near: no bundles (agent {own_version()})"


def test_one_of_host_and_inventory_is_named(capsys: Shown) -> None:
    assert main(["status"]) == 2
    assert "name a host or an inventory" in capsys.readouterr().err


def test_a_station_is_reset_by_its_name(plant: Path, capsys: Shown) -> None:
    root = plant.parent / "good"
    (root / "station.toml").write_text(
        '[station]\nid = "press3"\n[trust]\nroot = "."\n[[channel]]\nname = "top"\nkind = "image"\n'
        'bundle = "bundles/brightness"\n[channel.source]\ndriver = "simulated"\n'
    )
    words = ["factory-reset", str(root), "--service", ""]
    assert main(words) == 2
    assert "name the station with --name" in capsys.readouterr().err
    assert main([*words, "--name", "press4"]) == 2
    assert (root / "bundles").is_dir()
    assert main([*words, "--name", "press3", "--json"]) == 0
    assert str(root / "bundles") in json.loads(capsys.readouterr().out)["removed"]
    assert not (root / "bundles").exists()
    assert (root / "trust").is_dir()
