"""The appliance's own files: whole, and scripts that a shell can read."""

from __future__ import annotations

import os
import subprocess
from importlib.resources import files
from pathlib import Path

import pytest

from deploy.image.system_files import (
    PLACES,
    TWO_SYSTEMS,
    system_file,
    write_files,
    write_system_files,
)

ALL = {**PLACES, **TWO_SYSTEMS}


def test_every_file_has_its_place_and_scripts_parse(tmp_path: Path) -> None:
    write_system_files(tmp_path)
    write_files(tmp_path, TWO_SYSTEMS)
    for place, (name, mode) in ALL.items():
        path = tmp_path / place
        assert path.stat().st_mode & 0o777 == mode
        if name.endswith(".sh"):
            done = subprocess.run(["sh", "-n", path], capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
    unit = (tmp_path / "etc/systemd/system/lineside-agent.service").read_text()
    assert "ExecStart=/opt/lineside/bin/lineside-agent " in unit


def test_no_file_of_the_folder_is_left_out() -> None:
    folder = files("deploy") / "image" / "system"
    named = {name for name, _ in ALL.values()} | {
        *("configure.sh", "dpkg.txt", "grub.txt", "init.sh", "rauc.txt", "__init__.py"),
    }
    found = {one.name for one in folder.iterdir() if one.name != "__pycache__"}
    assert found == named


def test_units_start_programs_that_the_image_has() -> None:
    """A unit's script is one of those that are put into the image."""
    texts = [
        (files("deploy") / "image" / "system" / name).read_text()
        for name, _ in ALL.values()
        if name.endswith(".service.in")
    ]
    started = [line for text in texts for line in text.splitlines() if "/usr/lib/lineside/" in line]
    assert len(started) == 3
    assert all(line.split()[-1].lstrip("/") in ALL for line in started)


LEFT = """
set -e
mount -t tmpfs tmpfs /var/lib
mount -t tmpfs tmpfs /boot
mkdir /var/lib/lineside-first-boot.done /var/lib/lineside-first-boot.new
touch /var/lib/lineside-first-boot.done/wifi.nmconnection
sh -s <<'END'
{script}
END
ls -A /var/lib
"""


def test_what_power_cuts_left_of_a_first_boot_goes_and_it_is_not_begun_again() -> None:
    if os.geteuid() != 0 or not Path("/boot").is_dir():
        pytest.skip("NOT TESTED: needs root and a folder /boot")
    script = LEFT.format(script=system_file("first-boot-start.sh"))
    words = ["unshare", "--mount", "sh", "-c", script]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
