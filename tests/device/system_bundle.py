"""RAUC's bundles of other systems: the root of an image, with some of its files changed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from deploy.carriers.rauc_system import ROOT, write_system_bundle
from tests.device.appliance import COMPATIBLE
from tests.rig.kernel import RigError

FAST = "-comp lz4"
STICK_BYTES = 1 << 30


def system_bundle(
    root: Path, out: Path, version: str, cert: Path, files: Mapping[str, str]
) -> None:
    """Write the bundle `out` of the ext4 file system `root` with the texts `files` in their places.

    cert: who signs it, with the key beside it. Raises RigError where a program is missing.
    """
    for program in ("rauc", "mksquashfs"):
        if shutil.which(program) is None:
            raise RigError(f"no {program}: apt install rauc squashfs-tools")
    folder = out.with_suffix(".d")
    folder.mkdir()
    subprocess.run(["cp", "--sparse=always", root, folder / ROOT], check=True)
    for place, text in files.items():
        own = out.with_suffix(".text")
        own.write_text(text)
        name = Path(place).name  # debugfs writes into its working folder alone
        words = f"rm {name}\nwrite {own} {name}\nset_inode_field {name} mode 0100755\n"
        _debugfs(folder / ROOT, f"cd /{Path(place).parent}\n{words}")
    signer = (cert, cert.with_suffix(".key"))
    write_system_bundle(folder, out, COMPATIBLE, version, *signer, packing=FAST)
    shutil.rmtree(folder)


def read_root(root: Path, place: str) -> str:
    """The text of a file in the ext4 file system `root`."""
    words = ["/usr/sbin/debugfs", "-R", f"cat /{place}", str(root)]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def write_stick(stick: Path, files: list[Path]) -> None:
    """A disk with nothing but an ext4 file system with `files`."""
    folder = stick.with_suffix(".d")
    folder.mkdir()
    for file in files:
        file.rename(folder / file.name)
    with stick.open("wb") as stream:
        stream.truncate(STICK_BYTES)
    subprocess.run(["/usr/sbin/mke2fs", "-q", "-F", "-t", "ext4", "-d", folder, stick], check=True)
    shutil.rmtree(folder)


def _debugfs(root: Path, requests: str) -> None:
    words = ["/usr/sbin/debugfs", "-w", "-f", "-", str(root)]
    subprocess.run(words, input=requests, capture_output=True, text=True, check=True)
