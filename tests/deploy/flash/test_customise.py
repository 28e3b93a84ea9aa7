"""Customised cards, read back by mtools from the file behind the device."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from deploy.__main__ import main
from tests.deploy.flash.conftest import Attach
from tests.deploy.flash.stations import MIB, PASSWORD, make_board, make_boot_image, make_os_list
from tests.deploy.flash.test_flash import make_card

NEEDED = ("mcopy", "sfdisk", "mkfs.vfat")


@pytest.fixture(autouse=True)
def _tools() -> None:
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing:
        pytest.skip(f"NOT TESTED: {', '.join(missing)} missing (Debian: mtools fdisk dosfstools)")


def flash_station(folder: Path, attach: Attach, init: str, *words: str, **more: object) -> int:
    """Flash a card in `folder` with a whole station; the exit code."""
    make_board(folder)
    make_os_list(folder / "os_list.json", "os.img", init, **more)
    card = make_card(folder / "card")
    named = [f"--{name}={folder / path}" for name, path in NAMED.items()]
    device = attach(card)
    command = ["flash", str(folder / "os.img"), device, f"--serial={card}", "--yes", "--json"]
    return main([*command, *named, *words])


NAMED = {"station": "station.toml", "board": "board.toml", "os-list": "os_list.json"}


def on_card(folder: Path, name: str) -> bytes:
    image = f"{folder / 'card'}@@{4 * MIB}"
    done = subprocess.run(["mtype", "-i", image, f"::/{name}"], check=True, capture_output=True)
    return done.stdout


@pytest.mark.parametrize("table", ["dos", "gpt"])
def test_firstrun_card_starts_the_script_once(
    table: str, tmp_path: Path, attach: Attach, capsys: pytest.CaptureFixture[str]
) -> None:
    make_boot_image(tmp_path / "os.img", table)
    assert flash_station(tmp_path, attach, "systemd") == 0
    receipt = json.loads(capsys.readouterr().out)
    line = on_card(tmp_path, "cmdline.txt").decode()
    assert line.startswith("console=tty1 root=/dev/mmcblk0p2 rootwait systemd.run=")
    assert line.count("\n") == 1
    assert on_card(tmp_path, "lineside/hostname") == b"press3"
    for name, sum_ in receipt["files"].items():
        assert hashlib.sha256(on_card(tmp_path, name)).hexdigest() == sum_
    assert PASSWORD.encode() not in (tmp_path / "card").read_bytes()


@pytest.mark.parametrize("init", ["cloudinit", "cloudinit-rpi", "cloudinit-nocloud"])
def test_cloud_init_card_has_a_document_that_yaml_reads(
    init: str, tmp_path: Path, attach: Attach
) -> None:
    make_boot_image(tmp_path / "os.img")
    assert flash_station(tmp_path, attach, init) == 0
    text = on_card(tmp_path, "user-data").decode()
    assert text.startswith("#cloud-config\n")
    found = yaml.safe_load(text)
    assert found["users"] == []
    assert found["ssh_pwauth"] is False
    script = found["runcmd"][0][2]
    subprocess.run(["sh", "-n", "-c", script], check=True)
    assert yaml.safe_load(on_card(tmp_path, "meta-data"))["instance-id"] == "lineside-press3"
    label = subprocess.run(
        ["mlabel", "-s", "-i", f"{tmp_path / 'card'}@@{4 * MIB}", "::"],
        check=True,
        capture_output=True,
    ).stdout
    assert (b"CIDATA" in label) == (init == "cloudinit-nocloud")


@pytest.mark.parametrize(
    ("init", "more", "message"),
    [
        ("none", {}, "this image cannot be customised"),
        ("systemd", {"image_download_sha256": "0" * 64}, "sha256 is"),
        ("systemd", {"url": "https://example.org/x.img"}, "has 0 entries"),
    ],
)
def test_an_image_that_is_not_the_entry_is_refused_unwritten(
    init: str,
    more: dict[str, object],
    message: str,
    tmp_path: Path,
    attach: Attach,
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_boot_image(tmp_path / "os.img")
    before = make_card(tmp_path / "card").read_bytes()
    assert flash_station(tmp_path, attach, init, **more) in (1, 2)
    assert message in capsys.readouterr().err
    assert (tmp_path / "card").read_bytes() == before


def test_an_image_of_another_sum_than_its_entry_never_boots(
    tmp_path: Path, attach: Attach, capsys: pytest.CaptureFixture[str]
) -> None:
    make_boot_image(tmp_path / "os.img")
    more = {"extract_sha256": "0" * 64, "extract_size": 24 * MIB}
    assert flash_station(tmp_path, attach, "systemd", **more) == 1
    assert "sha256 of the unpacked image is" in capsys.readouterr().err
    assert not any((tmp_path / "card").read_bytes()[:MIB])


def test_a_boot_partition_without_room_is_found_before_a_byte_is_written(
    tmp_path: Path, attach: Attach, capsys: pytest.CaptureFixture[str]
) -> None:
    make_boot_image(tmp_path / "os.img")
    (tmp_path / "wheels").mkdir()
    for name in ("pip", "lineside"):
        (tmp_path / "wheels" / f"{name}-1-py3-none-any.whl").write_bytes(bytes(8 * MIB))
    words = ("--wheels", str(tmp_path / "wheels"))
    assert flash_station(tmp_path, attach, "systemd", *words) == 1
    shown = capsys.readouterr().err
    assert "its boot partition has 12.0 MiB free, the station's files need 16.1 MiB" in shown
    assert "leave wheels or bundles out" in shown
    assert (tmp_path / "card").read_bytes() == make_card(tmp_path / "other").read_bytes()
