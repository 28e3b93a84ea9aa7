"""The serial lines of this machine that a device could be on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

BY_ID = Path("/dev/serial/by-id")
"""Names that stay the same in another socket and after a restart."""
PATTERNS = ("ttyUSB*", "ttyACM*", "ttyAMA*", "ttyTHS*")


@dataclass(frozen=True)
class SerialPort:
    """path: the steadiest name; name: what the device calls itself."""

    path: str
    name: str


def find_ports(dev: Path = Path("/dev"), by_id: Path = BY_ID) -> list[SerialPort]:
    """Every USB and on-board line, under its steady name where it has one."""
    steady = {link.resolve(): link for link in sorted(by_id.glob("*"))} if by_id.is_dir() else {}
    found = sorted(path for pattern in PATTERNS for path in dev.glob(pattern))
    return [
        SerialPort(str(steady.get(path.resolve(), path)), _name(path, steady.get(path.resolve())))
        for path in found
    ]


def _name(path: Path, link: Path | None) -> str:
    return path.name if link is None else link.name
