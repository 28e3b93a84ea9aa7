"""What a block device is: size, serial, and who uses it, as the kernel reports it in /sys."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from edge_agent.contracts.core.errors import ConfigError, DeviceError

SECTOR_BYTES = 512
"""The unit of /sys/block/*/size, whatever the disk's own sector is (kernel.org, sysfs-block)."""

SYSTEM_FOLDERS = frozenset({"/", "/boot", "/boot/efi", "/boot/firmware", "/usr", "/var", "/home"})


@dataclass(frozen=True)
class Disk:
    """A whole disk at one moment.

    number: major:minor. sequence: a number that the kernel gives to every appearance of a disk and
    never twice, 0 where it does not know any. uses: who uses it, in words, empty for nobody.
    """

    path: str
    number: str
    size_bytes: int
    read_only: bool
    removable: bool
    serial: str
    model: str
    sequence: int
    system: bool
    uses: tuple[str, ...]


def inspect_disk(path: str, sysfs: Path = Path("/sys"), proc: Path = Path("/proc")) -> Disk:
    """The disk at `path`; raises DeviceError where there is none, ConfigError for no whole disk."""
    number = _number(path)
    folder = (sysfs / "dev" / "block" / number).resolve()
    if not folder.is_dir():
        raise DeviceError("the kernel does not know this disk", where=path, cure="plug it in again")
    if (folder / "partition").exists():
        raise ConfigError(
            "a partition, not a whole disk", where=path, cure=f"name /dev/{folder.parent.name}"
        )
    mounts = list(_mounts(folder, sysfs, proc))
    return Disk(
        path=path,
        number=number,
        size_bytes=_integer(folder / "size") * SECTOR_BYTES,
        read_only=_integer(folder / "ro") != 0,
        removable=_integer(folder / "removable") != 0 or _text(folder / "device/type") == "SD",
        serial=_serial(folder),
        model=_text(folder / "device" / "model") or _text(folder / "device" / "name"),
        sequence=_integer(folder / "diskseq"),
        system=bool(SYSTEM_FOLDERS & set(mounts)),
        uses=tuple(f"mounted at {mount}" for mount in mounts) + tuple(_holders(folder, proc)),
    )


def _number(path: str) -> str:
    try:
        found = Path(path).stat()
    except OSError as error:
        cure = "plug the card in and name its device; `lsblk` lists them"
        raise DeviceError(error.strerror or str(error), where=path, cure=cure) from error
    if not stat.S_ISBLK(found.st_mode):
        raise ConfigError(
            "not a block device", where=path, cure="name the card's device, as /dev/sdX"
        )
    return f"{os.major(found.st_rdev)}:{os.minor(found.st_rdev)}"


def _parts(folder: Path) -> list[Path]:
    """The disk's folder in /sys and those of its partitions."""
    return [folder, *sorted(found.parent for found in folder.glob("*/partition"))]


def _stack(folder: Path, sysfs: Path) -> Iterator[Path]:
    """The disk, its partitions and every device that is built on them (RAID, LVM, LUKS)."""
    for part in _parts(folder):
        yield part
        for holder in sorted((part / "holders").glob("*")):
            yield from _stack((sysfs / "class" / "block" / holder.name).resolve(), sysfs)


def _mounts(folder: Path, sysfs: Path, proc: Path) -> Iterator[str]:
    """Where the disk or what is built on it is mounted (proc(5), mountinfo)."""
    numbers = {_text(part / "dev") for part in _stack(folder, sysfs)}
    for line in (proc / "self" / "mountinfo").read_text(errors="replace").splitlines():
        words = line.split()
        source = words[words.index("-") + 2]
        # File systems over several disks (btrfs) show a number of their own: their source tells.
        if words[2] in numbers or (source.startswith("/") and _device_number(source) in numbers):
            yield words[4].replace("\\040", " ")


def _holders(folder: Path, proc: Path) -> Iterator[str]:
    for part in _parts(folder):
        for holder in sorted((part / "holders").glob("*")):
            yield f"part of {holder.name} (RAID, LVM or LUKS)"
    numbers = {_text(part / "dev") for part in _parts(folder)}
    for line in (proc / "swaps").read_text().splitlines()[1:]:
        if _device_number(line.split()[0]) in numbers:
            yield "swap space"


def _device_number(path: str) -> str:
    with contextlib.suppress(OSError, ConfigError, DeviceError):
        return _number(path)
    return ""


def _serial(folder: Path) -> str:
    """Of an SD card, a virtual or NVMe disk, a USB device; the file behind a loop device."""
    for name in ("device/serial", "serial", "loop/backing_file"):
        if found := _text(folder / name):
            return found
    device = (folder / "device").resolve()
    usb = next((above for above in device.parents if (above / "idVendor").exists()), None)
    return _text(usb / "serial") if usb else ""


def _integer(path: Path) -> int:
    return int(_text(path) or 0)


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip().strip("\0")
    except OSError:
        return ""
