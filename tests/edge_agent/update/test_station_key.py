"""A station's key: it is made once, root alone reads it, and releases are encrypted for it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.__main__ import main as deploy
from edge_agent.__main__ import main as agent
from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.model.bundle import ENCRYPTED, MODEL, read_bundle
from edge_agent.update.slots import install, status
from edge_agent.update.station_key import public_keys, readable
from tests.signing_kit import Workshop, open_workshop

Shown = pytest.CaptureFixture[str]


@pytest.fixture
def workshop(tmp_path: Path) -> Workshop:
    """With two stations that run 1.0.0: `a` is in the inventory, `b` is not."""
    workshop = open_workshop(tmp_path / "workshop")
    first = workshop.signed("1.0.0")
    for name in "ab":
        install(first, tmp_path / name, lambda _: None, trust=workshop.public)
        public_keys(tmp_path / name)
    return workshop


def release(workshop: Workshop, folder: Path, key: str) -> int:
    inventory = folder / "stations.toml"
    inventory.write_text(f'[[station]]\nname = "a"\nhost = "{folder / "a"}"\n{key}\n')
    bundle = workshop.unsigned("1.1.0")
    words = ["--keys", str(workshop.keys), "--encrypt-for", str(inventory)]
    return deploy(["release", str(bundle), *words])


def update(workshop: Workshop, root: Path) -> int:
    releases = workshop.folder / "releases"
    return agent(["update", "start", "brightness", "--from", str(releases), "--root", str(root)])


def test_a_named_station_takes_an_encrypted_release_and_another_does_not(
    workshop: Workshop, tmp_path: Path, capsys: Shown
) -> None:
    assert agent(["slots", "key", "--root", str(tmp_path / "a")]) == 0
    assert release(workshop, tmp_path, capsys.readouterr().out) == 0
    (file,) = (workshop.folder / "releases/targets/main").glob("*1.1.0.bundle")
    model = read_bundle(workshop.folder / "brightness-1.1.0.bundle").files[MODEL]
    assert file.read_bytes().startswith(ENCRYPTED)
    assert model not in file.read_bytes()
    assert update(workshop, tmp_path / "b") == 1
    assert "not for this one: add this station's key" in capsys.readouterr().err
    assert not (tmp_path / "b/update").exists()
    assert update(workshop, tmp_path / "a") == 0
    assert [status(tmp_path / name)[0].version for name in "ab"] == ["1.1.0", "1.0.0"]


def test_the_key_stays_and_is_roots_own(tmp_path: Path, capsys: Shown) -> None:
    first = public_keys(tmp_path)
    assert public_keys(tmp_path) == first
    assert (tmp_path / "keys/station.pem").stat().st_mode & 0o777 == 0o600
    assert agent(["slots", "key", "--root", str(tmp_path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == first
    assert readable(tmp_path, b"PK", "x") == b"PK"
    (tmp_path / "keys/station.pem").write_text("x")
    with pytest.raises(StorageError, match=r"station\.pem: is no key of a station: remove it"):
        public_keys(tmp_path)


def test_a_station_without_a_key_is_named(
    workshop: Workshop, tmp_path: Path, capsys: Shown
) -> None:
    assert release(workshop, tmp_path, "") == 2
    assert "1 stations have no key, first a: add the line" in capsys.readouterr().err
    assert not list((workshop.folder / "releases/targets/main").glob("*1.1.0*"))
