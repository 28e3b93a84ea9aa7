"""The first boot for real: the script runs as root in a copy of this system (overlay, chroot)."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from deploy.flash.boot_files import RUN_ONCE, Contents, hook_files, station_files
from tests.deploy.flash.stations import PUBLIC_KEY, make_board

BOOT = """
set -e
mount -t tmpfs tmpfs {work}
mkdir {work}/upper {work}/work {work}/root
mount -t overlay overlay -o lowerdir=/,upperdir={work}/upper,workdir={work}/work {work}/root
mkdir -p {work}/root/boot {work}/root/etc/NetworkManager {work}/root/var/log
cp -R {card}/. {work}/root/boot/
mount -t devtmpfs none {work}/root/dev 2>/dev/null || mount --rbind /dev {work}/root/dev
chroot {work}/root sh /boot/firstrun.sh || echo "first boot failed: $?"
cp -a {work}/upper {card}/../upper
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the first boot changed in /, and the boot partition after it."""
    if os.geteuid() != 0:
        pytest.skip("NOT TESTED: the first boot's script needs root")
    folder = tmp_path_factory.mktemp("first-boot")
    contents = Contents(make_board(folder), folder, folder / "station.toml")
    card = folder / "card"
    found = {
        **station_files(contents),
        **hook_files("systemd", "press3", b"console=tty1 rootwait"),
        # Neither can be installed, and the station comes up all the same.
        "lineside/wheels/pip.whl": b"no wheel",
        "lineside/bundles/caps-1.0.0.bundle": b"no bundle",
    }
    for name, content in found.items():
        (card / name).parent.mkdir(parents=True, exist_ok=True)
        (card / name).write_bytes(content if isinstance(content, bytes) else content.read_bytes())
    (folder / "work").mkdir()
    script = BOOT.format(work=folder / "work", card=card)
    done = subprocess.run(
        ["unshare", "--mount", "sh", "-c", script], capture_output=True, text=True, check=False
    )
    if done.returncode or not (folder / "upper").exists():
        pytest.skip(f"NOT TESTED: no overlay of / here: {done.stderr[-300:]}")
    log = folder / "upper/var/log/lineside-first-boot.log"
    assert done.stdout == "", log.read_text()[-3000:]
    return folder / "upper"


def test_the_board_has_its_name_and_zone(system: Path) -> None:
    assert (system / "etc/hostname").read_text() == "press3\n"
    assert (system / "etc/hosts").read_text().count("127.0.1.1\tpress3\n") == 1


def test_the_user_logs_in_by_key_and_has_no_password(system: Path) -> None:
    shadow = dict(line.split(":")[:2] for line in (system / "etc/shadow").read_text().splitlines())
    assert shadow["line"].startswith("!")
    assert shadow["root"].startswith(("!", "*"))
    keys = system / "home/line/.ssh/authorized_keys"
    assert keys.read_text() == PUBLIC_KEY
    assert keys.stat().st_mode & 0o777 == 0o600
    assert keys.parent.stat().st_uid == keys.stat().st_uid != 0


def test_the_network_file_is_for_root_alone(system: Path) -> None:
    found = system / "etc/NetworkManager/system-connections/wifi.nmconnection"
    assert found.stat().st_mode & 0o777 == 0o600
    assert found.stat().st_uid == 0


def test_the_station_is_in_place_and_its_unit_enabled(system: Path) -> None:
    assert (system / "var/lib/lineside/station.toml").stat().st_mode & 0o777 == 0o640
    assert (system / "var/lib/lineside/tls/ca.pem").read_text() == "certificate\n"
    wanted = system / "etc/systemd/system/multi-user.target.wants/lineside-agent.service"
    assert wanted.is_symlink()


def test_a_bundle_that_is_refused_is_logged_and_kept(system: Path) -> None:
    assert (system / "var/lib/lineside-refused/caps-1.0.0.bundle").read_bytes() == b"no bundle"
    log = (system / "var/log/lineside-first-boot.log").read_text()
    assert "first boot: caps-1.0.0.bundle was not installed" in log
    assert "first boot: the agent's wheels were not installed" in log


def test_secrets_left_the_boot_partition_and_the_script_is_gone(system: Path) -> None:
    assert not (system / "boot/lineside").exists()
    assert not (system / "boot/firstrun.sh").exists()
    assert not list((system / "var/lib").glob("lineside-first-boot*"))
    line = (system / "boot/cmdline.txt").read_text()
    assert line.strip() == "console=tty1 rootwait"
    assert RUN_ONCE.strip() not in line
