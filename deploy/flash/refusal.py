"""Which disks are never written: the rules of a plan, checked before the first byte."""

from __future__ import annotations

from deploy.flash.disk import Disk
from edge_agent.contracts.core.errors import DeviceError

MIB = 1 << 20


def refuse_unfit(disk: Disk, image_bytes: int, serial: str = "") -> None:
    """Raise DeviceError where `disk` must not hold an image of `image_bytes`.

    serial: what the user named; it opens the way to a disk that is not removable, and to no other.
    """
    for is_so, what, cure in _rules(disk, image_bytes, serial):
        if is_so:
            raise DeviceError(what, where=disk.path, cure=cure)


def refuse_changed(planned: Disk, now: Disk) -> None:
    """Raise DeviceError where the disk at this path is no longer the one that was planned."""
    for name in ("number", "sequence", "serial", "size_bytes", "model"):
        before, found = getattr(planned, name), getattr(now, name)
        if before != found:
            raise DeviceError(
                f"another disk than the one that was confirmed ({name} {before}, now {found})",
                where=planned.path,
                cure="leave one card in the reader and start again",
            )


def _rules(disk: Disk, image_bytes: int, serial: str) -> list[tuple[bool, str, str]]:
    uses = ", ".join(disk.uses)
    return [
        (disk.system, f"this machine runs from it ({uses})", "name the card, `lsblk` lists disks"),
        (bool(disk.uses), f"in use: {uses}", "unmount it and stop what uses it, then try again"),
        (
            bool(serial) and serial != disk.serial,
            f"its serial is {disk.serial or 'unknown'}, not {serial}",
            "name the device that has this serial",
        ),
        (
            not disk.removable and not serial,
            "not removable",
            f"if it is the right one, confirm by --serial '{disk.serial or 'SERIAL'}'",
        ),
        (disk.read_only, "read-only", "open the card's write lock, or use another card"),
        (disk.size_bytes == 0, "holds no medium", "put a card into the reader"),
        (
            disk.size_bytes < image_bytes,
            f"{disk.size_bytes // MIB} MiB, and the image needs {-(-image_bytes // MIB)} MiB",
            "use a larger card",
        ),
    ]
