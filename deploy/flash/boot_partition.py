"""The FAT partition that a board boots from: found in the image's table, filled by mtools."""

from __future__ import annotations

import hashlib
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile

from deploy.flash.card import Card
from deploy.flash.image import HEAD_BYTES
from edge_agent.contracts.core.errors import ConfigError, InputError, StorageError

SECTOR = 512
FAT_TYPES = frozenset({0x01, 0x04, 0x06, 0x0B, 0x0C, 0x0E, 0xEF})
GPT_TYPE = 0xEE
EFI_SYSTEM = bytes.fromhex("28732ac11ff8d211ba4b00a0c93ec93b")
"""UEFI 2.10, table 5.7, as its bytes lie on the disk."""


@dataclass(frozen=True)
class BootPartition:
    """A FAT file system at `offset` bytes of a device or file."""

    device: str
    offset: int

    def read(self, name: str) -> bytes:
        """The file `name`; raises StorageError where there is none."""
        return self._run(["mtype"], f"::/{name}")

    def write(self, name: str, content: bytes | Path) -> None:
        """Write a file and its folders; an older one is replaced."""
        parts = name.split("/")[:-1]
        for number in range(1, len(parts) + 1):
            folder = "/".join(parts[:number])
            if not self._is_folder(folder):
                self._run(["mmd"], f"::/{folder}")
        if isinstance(content, Path):
            self._run(["mcopy", "-o"], str(content), f"::/{name}")
            return
        # Not by a pipe: from there mcopy fills a full partition and reports no error.
        with NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            self._run(["mcopy", "-o"], file.name, f"::/{name}")

    def label(self, label: str) -> None:
        """Set the label of the volume."""
        self._run(["mlabel"], f"::{label}")

    @property
    def _image(self) -> list[str]:
        return ["-i", f"{self.device}@@{self.offset}"]

    def _is_folder(self, name: str) -> bool:
        done = subprocess.run(
            ["mdir", "-b", *self._image, f"::/{name}/"],
            env=_environment(),
            capture_output=True,
            check=False,
        )
        return done.returncode == 0

    def _run(self, command: list[str], *names: str) -> bytes:
        words = [*command, *self._image, *names]
        try:
            done = subprocess.run(
                words,
                env=_environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise ConfigError(
                "not installed", where=command[0], cure="apt install mtools"
            ) from error
        if done.returncode:
            text = os.fsdecode(done.stderr).strip().replace("\n", ", ")
            cure = "leave wheels or bundles out where it is full; this card cannot boot as it is"
            raise StorageError(f"{command[0]} failed ({text})", where=names[-1], cure=cure)
        return done.stdout


def boot_offset(head: bytes) -> int:
    """Where the FAT partition begins, from the image's first MiB; raises InputError."""
    entries = [head[at : at + 16] for at in range(446, 510, 16)]
    if any(entry[4] == GPT_TYPE for entry in entries):
        starts = _gpt_starts(head)
    else:
        starts = [int.from_bytes(one[8:12], "little") for one in entries if one[4] in FAT_TYPES]
    offsets = sorted(start * SECTOR for start in starts)
    if not offsets or offsets[0] < HEAD_BYTES:
        raise InputError(
            "no FAT boot partition behind the first MiB",
            where="the image",
            cure="use an image of Raspberry Pi OS or Debian; others are flashed without --board",
        )
    return offsets[0]


def put_files(card: Card, offset: int, files: Mapping[str, bytes | Path]) -> dict[str, str]:
    """Write files to the card, read each back past the cache; returns their sha256."""
    partition = BootPartition(card.disk.path, offset)
    for name, content in files.items():
        partition.write(name, content)
    card.flush()
    sums: dict[str, str] = {}
    for name, content in files.items():
        wanted = content.read_bytes() if isinstance(content, Path) else content
        sums[name] = hashlib.sha256(partition.read(name)).hexdigest()
        if sums[name] != hashlib.sha256(wanted).hexdigest():
            cure = "use another card; this one cannot boot as it is"
            raise StorageError(
                "differs when read back", where=f"{card.disk.path} {name}", cure=cure
            )
    return sums


def _gpt_starts(head: bytes) -> list[int]:
    """Starts of the EFI system partitions, in sectors (UEFI 2.10, 5.3)."""
    header = head[SECTOR : 2 * SECTOR]
    at = int.from_bytes(header[72:80], "little") * SECTOR
    count, size = (int.from_bytes(header[n : n + 4], "little") for n in (80, 84))
    if not header.startswith(b"EFI PART") or size < 128 or at + count * size > len(head):
        return []
    entries = (head[at + n * size : at + (n + 1) * size] for n in range(count))
    return [int.from_bytes(one[32:40], "little") for one in entries if one[:16] == EFI_SYSTEM]


def _environment() -> dict[str, str]:
    return {**os.environ, "MTOOLS_SKIP_CHECK": "1", "LC_ALL": "C.UTF-8"}
