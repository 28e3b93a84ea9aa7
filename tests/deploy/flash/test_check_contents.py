"""A card that cannot become a station is refused before its disk is looked at."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.__main__ import main
from deploy.flash.boot_files import Contents
from deploy.flash.check_contents import check_contents
from tests.deploy.flash.stations import make_board, make_os_list
from tests.signing_kit import Workshop, open_workshop

Shown = pytest.CaptureFixture[str]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    return open_workshop(tmp_path_factory.mktemp("workshop"))


def flash(folder: Path, *words: str | Path) -> int:
    """With a whole station, onto a device that does not exist."""
    make_os_list(folder / "os_list.json", "os.img", "lineside")
    named = ("--station", folder / "station.toml", "--board", folder / "board.toml")
    more = ("--os-list", folder / "os_list.json", "--yes", *words)
    return main(["flash", str(folder / "os.img"), "/dev/none", *map(str, (*named, *more))])


@pytest.mark.parametrize("option", ["--trust", "--wheels", "--bundle"])
def test_what_only_a_station_needs_is_not_left_out_without_a_word(
    option: str, tmp_path: Path, capsys: Shown
) -> None:
    assert main(["flash", "os.img", "/dev/none", "--yes", option, str(tmp_path)]) == 2
    words = f"{option}: a card has a use for it only where it starts as a station: add --station"
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("unsigned", "not signed: run `lineside-deploy release` on it"),
        ("another root", "was not released under the root "),
        ("released", "/dev/none"),
    ],
)
def test_a_bundle_that_the_station_would_refuse_is_refused_here(
    what: str, message: str, workshop: Workshop, tmp_path: Path, capsys: Shown
) -> None:
    make_board(tmp_path)
    bundle = workshop.unsigned() if what == "unsigned" else workshop.signed()
    trust = workshop.public
    if what == "another root":
        trust = open_workshop(tmp_path / "other").public
    words = ("--trust", trust, "--bundle", bundle, "--releases", tmp_path / "none")
    assert flash(tmp_path, *words) != 0
    assert message in capsys.readouterr().err


def test_a_station_without_a_broker_needs_no_file(tmp_path: Path) -> None:
    check_contents(Contents(make_board(tmp_path), tmp_path, tmp_path / "station.toml"))


@pytest.mark.parametrize(
    ("table", "key"),
    [
        ('[mqtt]\npassword_file = "/var/lib/lineside/broker.password"', "mqtt.password_file"),
        ('[mqtt]\npassword_file = "broker.password"', "mqtt.password_file"),
        ('[mqtt.tls]\nca_file = "/var/lib/lineside/tls/other.pem"', "mqtt.tls.ca_file"),
        ('[mqtt.tls]\nca_file = "/var/lib/lineside/tls/ca.pem"', ""),
    ],
)
def test_a_file_that_nothing_brings_is_named(
    table: str, key: str, tmp_path: Path, capsys: Shown
) -> None:
    make_board(tmp_path)
    (tmp_path / "station.toml").write_text(f'[station]\nid = "press3"\n{table}\n')
    assert flash(tmp_path) != 0
    shown = capsys.readouterr().err
    assert (f"{key} names " in shown) == bool(key)
    assert ("to [files] of board.toml" in shown) == bool(key)
