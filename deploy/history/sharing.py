"""Which stations a collector takes, where several collectors share the load."""

from __future__ import annotations

import argparse
import re
import zlib
from dataclasses import dataclass


@dataclass(frozen=True)
class Share:
    """Collector `index` of `count`: a station belongs to the one that the hash of its name gives.

    Every collector of a plant is given the same count.
    """

    index: int = 1
    count: int = 1

    def takes(self, station: str) -> bool:
        """Whether the station is one of ours (CRC-32 of its name: the same on every machine)."""
        return zlib.crc32(station.encode()) % self.count == self.index - 1

    @property
    def whole(self) -> bool:
        """Whether there is no other collector."""
        return self.count == 1


def share(text: str) -> Share:
    """`2/3`: the second of three; for argparse."""
    found = re.fullmatch(r"([1-9]\d{0,3})/([1-9]\d{0,3})", text)
    if found is None or int(found[1]) > int(found[2]):
        raise argparse.ArgumentTypeError(f"{text!r} is not like 2/3, the second of three")
    return Share(int(found[1]), int(found[2]))
