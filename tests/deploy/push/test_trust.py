"""Which of several roots a station without one is given."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.push.trust import releasing_root
from edge_agent.contracts.core.errors import SignatureError
from tests.signing_kit import Workshop, open_workshop


@pytest.fixture(scope="module")
def workshops(tmp_path_factory: pytest.TempPathFactory) -> list[Workshop]:
    return [open_workshop(tmp_path_factory.mktemp(name)) for name in ("ours", "theirs", "others")]


def push(bundle: Path, station: Path, *roots: Path) -> int:
    return main(["push", str(bundle), "--to", str(station), "--trust", *map(str, roots)])


def test_of_several_roots_the_station_is_given_the_bundles_own(
    workshops: list[Workshop], tmp_path: Path
) -> None:
    ours, theirs, _ = workshops
    roots = [ours.public, theirs.public]
    for number, workshop in enumerate((ours, theirs)):
        station = tmp_path / str(number)
        assert push(workshop.signed(), station, *roots) == 0
        trusted = json.loads((station / "trust" / "trusted.json").read_bytes())
        assert trusted["root"] == workshop.public.read_text()


def test_a_bundle_of_none_of_the_roots_ends_before_the_station(
    workshops: list[Workshop], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    *named, others = workshops
    assert push(others.signed(), tmp_path / "s", *(one.public for one in named)) == 1
    said = capsys.readouterr().err
    assert "released under none of these roots" in said
    assert str(named[1].public) in said
    assert not (tmp_path / "s").exists()


def test_a_file_that_is_no_root_is_named(workshops: list[Workshop], tmp_path: Path) -> None:
    (tmp_path / "line.pub").write_text("no root")
    ours = workshops[0]
    offered = [tmp_path / "line.pub", ours.public]
    with pytest.raises(SignatureError, match=r"line\.pub: no root of trust"):
        releasing_root(offered, ours.signed().read_bytes(), "brightness.bundle")


def test_a_bundle_behind_the_roots_is_the_bundle(
    workshops: list[Workshop], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ours, station = workshops[0], str(tmp_path / "s")
    words = ["push", "--to", station, "--trust", str(ours.public)]
    assert main(words) == 2
    assert "no bundle is named: lineside-deploy push BUNDLE --to HOST" in capsys.readouterr().err
    assert main([*words, str(ours.signed("1.1.0"))]) == 0
    assert "brightness 1.1.0 is current" in capsys.readouterr().out
