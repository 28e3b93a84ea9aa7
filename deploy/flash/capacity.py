"""Fake-capacity cards: a controller that states more than it holds and wraps or forgets.

A mark is written at the end of the disk and at every power of two, and all are read back past
the cache. What was there is put back in the reverse order, which restores any card that wraps.
"""

from __future__ import annotations

import secrets

from deploy.flash.card import BLOCK_BYTES, Card, buffer
from edge_agent.contracts.core.errors import DeviceError

FIRST_BYTES = 1 << 20


def refuse_fake_capacity(card: Card) -> None:
    """Raise DeviceError where the card loses what is written; it is then what it was before."""
    places = _places(card.disk.size_bytes)
    mark = secrets.token_bytes(24)
    before: list[tuple[int, memoryview]] = []
    try:
        for place in places:
            old = buffer(BLOCK_BYTES)
            card.read(place, old)
            before.append((place, old))
            card.write(place, _marked(mark, place))
        card.flush()
        lost = [place for place in places if _read(card, place) != _marked(mark, place)]
    finally:
        for place, old in reversed(before):
            card.write(place, old)
    if lost:
        card.flush()
        raise DeviceError(
            f"states {card.disk.size_bytes >> 20} MiB but loses what is written "
            f"({len(lost)} of {len(places)} marks, the first at {lost[0] >> 20} MiB)",
            where=card.disk.path,
            cure="it is a counterfeit or worn out; use another card",
        )


def _places(size_bytes: int) -> list[int]:
    """The blocks that end at powers of two, and the last one."""
    ends = [FIRST_BYTES << power for power in range(64) if FIRST_BYTES << power < size_bytes]
    last = size_bytes // BLOCK_BYTES * BLOCK_BYTES
    return [end - BLOCK_BYTES for end in sorted({*ends, last})]


def _marked(mark: bytes, place: int) -> memoryview:
    block = buffer(BLOCK_BYTES)
    text = mark + place.to_bytes(8, "big")
    block[: len(text)] = text
    block[-len(text) :] = text
    return block


def _read(card: Card, place: int) -> memoryview:
    block = buffer(BLOCK_BYTES)
    card.read(place, block)
    return block
