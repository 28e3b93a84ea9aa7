"""What a workstation must have before an image is built; each lack is told with its cure."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from edge_agent.contracts.core.errors import ConfigError, StorageError

TOOLS = {
    "mmdebstrap": "mmdebstrap",
    "arch-test": "arch-test",
    "mke2fs": "e2fsprogs",
    "mkfs.vfat": "dosfstools",
    "mcopy": "mtools",
}
"""Program -> Debian package."""

BUNDLE_TOOLS = {"rauc": "rauc", "mksquashfs": "squashfs-tools"}

NEEDED_BYTES = 4 << 30
"""The tree, its packages and the image at once: 2.7 GiB were measured."""
BUNDLE_BYTES = 2 << 30
"""The root file system once more, and packed."""

MOST_SAID = 2000
PATHS = "/usr/local/sbin:/usr/sbin:/sbin"
"""Where Debian has mke2fs, which the PATH of some root shells leaves out."""


def check_workstation(
    folder: Path,
    binfmt: Path = Path("/proc/sys/fs/binfmt_misc"),
    *,
    bundles: bool = False,
) -> None:
    """Raise ConfigError or StorageError for all that is missing to build an image in `folder`.

    binfmt: where the kernel lists the interpreters of foreign programs. bundles: whether RAUC's
    bundle of it is asked for, too.
    """
    lacks = list(_lacks(binfmt, {**TOOLS, **(BUNDLE_TOOLS if bundles else {})}))
    room = list(_room(folder, NEEDED_BYTES + (BUNDLE_BYTES if bundles else 0)))
    if lacks:
        what = "; ".join(what for what, _ in (*lacks, *room))
        cure = "; ".join(dict.fromkeys(cure for _, cure in (*lacks, *room)))
        raise ConfigError(what, where="this workstation", cure=cure)
    for what, cure in room:
        raise StorageError(what, where=str(folder), cure=cure)


def run_tool(words: Sequence[str], what: str, **environment: str) -> None:
    """Run a program, also from the folders of root; raises StorageError with the end of its words.

    environment: variables beside those of this process.
    """
    paths = f"{os.environ.get('PATH', '')}:{PATHS}"
    done = subprocess.run(
        words,
        env={**os.environ, **environment, "PATH": paths},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if done.returncode:
        said = " ".join(os.fsdecode(done.stdout[-MOST_SAID:]).split())
        cure = "mend what it says and start again; no image was written"
        raise StorageError(f"{what} ({said})", where=words[0], cure=cure)


def _lacks(binfmt: Path, tools: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(what, cure) of everything that is missing."""
    if os.geteuid() != 0:
        yield "not root, who alone can make a root file system", "start it with sudo"
    for name, package in tools.items():
        if shutil.which(name, path=f"{os.environ.get('PATH', '')}:{PATHS}") is None:
            yield f"no {name}", f"apt install {package}"
    foreign = platform.machine() not in ("aarch64", "arm64")
    if foreign and not _is_enabled(binfmt / "qemu-aarch64"):
        yield (
            "it runs no arm64 programs",
            "apt install qemu-user-static binfmt-support, then systemctl restart systemd-binfmt",
        )


def _room(folder: Path, needed: int) -> Iterator[tuple[str, str]]:
    """(what, cure) of a disk that is too full; who names a folder that is not there is told so
    before."""
    free = shutil.disk_usage(folder).free if folder.is_dir() else needed
    if free < needed:
        yield (
            f"{free >> 20} MiB are free, an image needs {needed >> 20} while it is built",
            "free some, or write the image to another disk",
        )


def _is_enabled(entry: Path) -> bool:
    """As the kernel lists it (kernel.org, admin-guide/binfmt-misc)."""
    return entry.exists() and entry.read_text().startswith("enabled")
