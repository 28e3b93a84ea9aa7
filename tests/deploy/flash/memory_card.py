"""A card in memory, which may hold less than it states."""

from __future__ import annotations

from dataclasses import dataclass, field

from deploy.flash.card import Card
from deploy.flash.disk import Disk


def disk(size_bytes: int, **other: object) -> Disk:
    """A removable disk that nobody uses."""
    known: dict[str, object] = {
        "path": "/dev/card",
        "number": "8:0",
        "size_bytes": size_bytes,
        "read_only": False,
        "removable": True,
        "serial": "S1",
        "model": "M",
        "sequence": 1,
        "system": False,
        "uses": (),
    }
    return Disk(**(known | other))  # type: ignore[arg-type]


@dataclass(frozen=True)
class MemoryCard(Card):
    """memory: what is really there; addresses beyond it wrap. offsets: of every write."""

    memory: bytearray = field(default_factory=bytearray)
    offsets: list[int] = field(default_factory=list)

    def write(self, offset: int, payload: memoryview) -> None:
        self.offsets.append(offset)
        at = offset % len(self.memory)
        self.memory[at : at + len(payload)] = payload

    def read(self, offset: int, into: memoryview) -> None:
        at = offset % len(self.memory)
        into[:] = self.memory[at : at + len(into)]

    def flush(self) -> None:
        """Nothing is cached."""


def memory_card(size_bytes: int, holds_bytes: int = 0, filling: bytes = b"\xaa") -> MemoryCard:
    """A card that states `size_bytes`, filled with old bytes."""
    return MemoryCard(disk(size_bytes), -1, bytearray(filling * (holds_bytes or size_bytes)))
