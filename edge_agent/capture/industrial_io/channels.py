"""How an IIO device lays a scan out in its buffer, and what its numbers mean.

Source: the Linux kernel's documentation, "Industrial I/O", and its ABI file sysfs-bus-iio.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import DeviceError

TIMESTAMP = "timestamp"
TYPE = re.compile(r"(be|le):([su])(\d+)/(\d+)(?:X(\d+))?>>(\d+)")


@dataclass(frozen=True)
class ScanType:
    """`le:s12/16>>4`: 12 bits, signed, low byte first, in 16, four bits to the right."""

    big_endian: bool
    signed: bool
    bits: int
    storage_bits: int
    shift: int

    @property
    def dtype(self) -> np.dtype[np.void]:
        """The type as it lies in the buffer."""
        letter = "i" if self.signed else "u"
        order = ">" if self.big_endian else "<"
        return np.dtype(f"{order}{letter}{self.storage_bits // 8}")

    def value(self, raw: NDArray[np.generic]) -> NDArray[np.float64]:
        """Raw words to the numbers that they hold."""
        words = raw.astype(np.int64) >> self.shift
        words &= (1 << self.bits) - 1 if self.bits < 64 else -1
        if self.signed and self.bits < 64:
            sign = 1 << (self.bits - 1)
            words = (words ^ sign) - sign
        return words.astype(np.float64)

    @property
    def largest(self) -> int:
        """Largest number that it can hold."""
        return int((1 << (self.bits - self.signed)) - 1)


@dataclass(frozen=True)
class ScanChannel:
    """One channel: its place in a scan, and value = (number + offset) * scale."""

    name: str
    index: int
    kind: ScanType
    scale: float = 1.0
    offset: float = 0.0


def parse_type(text: str, where: str) -> ScanType:
    """The content of a `_type` file; raises DeviceError."""
    found = TYPE.fullmatch(text.strip())
    if found is None or found[5] or int(found[4]) not in (8, 16, 32, 64):
        raise DeviceError(f"has samples of type {text.strip()!r}", where=where, cure="not read yet")
    return ScanType(found[1] == "be", found[2] == "s", int(found[3]), int(found[4]), int(found[6]))


def read_channel(device: Path, name: str) -> ScanChannel:
    """The channel `name`, such as accel_x or voltage0; raises DeviceError that lists them all."""
    scan = device / "scan_elements"
    kind = scan / f"in_{name}_type"
    if not kind.is_file():
        found = ", ".join(channel_names(device)) or "none"
        raise DeviceError(
            f"has no channel {name!r} in its buffer; it has {found}",
            where=str(device),
            cure='correct `axes`, or mode = "poll"',
        )
    index = int(_text(scan / f"in_{name}_index") or 0)
    scale = _number(device, name, "scale", 1.0)
    offset = _number(device, name, "offset", 0.0)
    return ScanChannel(name, index, parse_type(kind.read_text(), str(device)), scale, offset)


def channel_names(device: Path) -> list[str]:
    """Channels of the buffer, else those that can be polled."""
    buffered = sorted(device.glob("scan_elements/in_*_en"))
    names = [path.name[3:-3] for path in buffered if path.name != f"in_{TIMESTAMP}_en"]
    return names or sorted(path.name[3:-4] for path in device.glob("in_*_raw"))


def polled_channel(device: Path, name: str) -> ScanChannel:
    """A channel that is read one number at a time."""
    if not (device / f"in_{name}_raw").is_file():
        found = ", ".join(channel_names(device)) or "none"
        raise DeviceError(
            f"has no channel {name!r}; it has {found}", where=str(device), cure="correct `axes`"
        )
    kind = ScanType(False, True, 64, 64, 0)
    scale = _number(device, name, "scale", 1.0)
    return ScanChannel(name, 0, kind, scale, _number(device, name, "offset", 0.0))


def scan_dtype(channels: Sequence[ScanChannel]) -> np.dtype[np.void]:
    """The layout of one scan: each element aligned to its own size, the whole to the largest."""
    place, places = 0, []
    for one in sorted(channels, key=lambda channel: channel.index):
        size = one.kind.storage_bits // 8
        place = -(-place // size) * size
        places.append((one.name, one.kind.dtype, place))
        place += size
    largest = max(one.kind.storage_bits // 8 for one in channels)
    return np.dtype(
        {
            "names": [name for name, _, _ in places],
            "formats": [dtype for _, dtype, _ in places],
            "offsets": [offset for _, _, offset in places],
            "itemsize": -(-place // largest) * largest,
        }
    )


def _number(device: Path, name: str, what: str, otherwise: float) -> float:
    """`in_accel_x_scale`, else the one that all of its kind share, `in_accel_scale`."""
    shared = re.sub(r"(_[xyz]|\d+)$", "", name)
    for stem in (name, shared):
        text = _text(device / f"in_{stem}_{what}")
        if text:
            return float(text)
    return otherwise


def _text(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""
