"""The files that make Debian an appliance: where each lies in the image, and its mode."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from deploy.systemd.unit import NAME, unit_text

UNITS = (
    *("lineside-first-boot", "lineside-grow", "lineside-ssh-key"),
    *("lineside-update", "lineside-self-update"),
)
PLACES = {
    "etc/systemd/network/80-wired.network": ("wired.txt", 0o644),
    "etc/systemd/system/systemd-networkd-wait-online.service.d/lineside.conf": (
        "wait-online.txt",
        0o644,
    ),
    "etc/systemd/journald.conf.d/lineside.conf": ("journal.txt", 0o644),
    "etc/fstab": ("fstab.txt", 0o644),
    "usr/lib/lineside/first-boot-start.sh": ("first-boot-start.sh", 0o755),
    "usr/lib/lineside/grow-state.sh": ("grow-state.sh", 0o755),
    **{f"etc/systemd/system/{name}.service": (f"{name}.service.in", 0o644) for name in UNITS},
}
"""Path in the image -> file of deploy/image/system, mode."""

TWO_SYSTEMS = {
    "usr/lib/lineside/system-good.sh": ("system-good.sh", 0o755),
    "etc/systemd/system/lineside-system-good.service": ("lineside-system-good.service.in", 0o644),
}
"""The same of an image that is one of two systems."""


def system_file(name: str) -> str:
    """The text of a file of deploy/image/system."""
    return (files("deploy") / "image" / "system" / name).read_text(encoding="utf-8")


def write_system_files(root: Path) -> None:
    """Write every file below `root`, an image's root folder, and the agent's unit."""
    write_files(root, PLACES)
    _write(root / "etc/systemd/system" / NAME, unit_text(), 0o644)


def write_files(root: Path, places: Mapping[str, tuple[str, int]]) -> None:
    """Write the files of a table, as PLACES is one, below `root`."""
    for place, (name, mode) in places.items():
        _write(root / place, system_file(name), mode)


def _write(path: Path, text: str, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
