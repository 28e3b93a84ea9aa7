"""A disk image whose GRUB is started by GRUB's own emulator, as a board's firmware would."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from deploy.flash.boot_partition import BootPartition
from deploy.image.filesystems import make_boot
from deploy.image.grub import FOLDER, environment_block, grub_files
from deploy.image.layout import MIB, layout_for, write_table

ENVIRONMENT = f"{FOLDER}/grubenv"


class GrubBoard:
    """An image of two empty systems in `folder`; a test is skipped where a program is missing."""

    def __init__(self, folder: Path) -> None:
        packages = {"grub-emu": "grub-emu", "mcopy": "mtools", "script": "bsdutils"}
        for program, package in packages.items():
            if shutil.which(program) is None:
                pytest.skip(f"NOT TESTED: no {program} (apt install {package})")
        self.image = folder / "a.img"
        self.layout = layout_for(12 * MIB, 0x1234ABCD, systems=2)
        self._map = folder / "device.map"
        self._map.write_text(f"(hd0) {self.image}\n")
        write_table(self.image, self.layout)
        files = dict(grub_files(self.layout))
        config = files[f"{FOLDER}/grub.cfg"]
        # There is no kernel here: it says so at once, and starts again.
        files[f"{FOLDER}/grub.cfg"] = config.replace(b"sleep 2\n", b"")
        make_boot(self.image, self.layout.boot, files)
        self._boot = BootPartition(str(self.image), self.layout.boot.start)

    def start(self) -> str:
        """Which system GRUB starts; empty where it only gives all tries back."""
        words = f"grub-emu -m {self._map} -r hd0,gpt1 -d /{FOLDER}"
        done = subprocess.run(
            ["script", "--quiet", "--return", "--command", words, "/dev/null"],
            env={**os.environ, "TERM": "linux"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            timeout=60,
        )
        assert "Welcome to GRUB" in done.stdout, done.stdout
        _, found, rest = done.stdout.partition("lineside: system ")
        return rest[0] if found else ""

    def set(self, **values: str) -> None:
        """As RAUC does it."""
        self.write(environment_block({**self.read(), **values}))

    def read(self) -> dict[str, str]:
        """What the next start finds."""
        lines = self.environment.decode().splitlines()
        return dict(line.split("=", 1) for line in lines if "=" in line)

    @property
    def environment(self) -> bytes:
        """The file grubenv."""
        return self._boot.read(ENVIRONMENT)

    def write(self, environment: bytes) -> None:
        """Put `environment` in the place of the file."""
        self._boot.write(ENVIRONMENT, environment)
