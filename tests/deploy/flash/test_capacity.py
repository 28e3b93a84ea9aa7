"""Cards that state more than they hold are found, and are afterwards what they were before."""

from __future__ import annotations

import pytest

from deploy.flash.capacity import refuse_fake_capacity
from edge_agent.contracts.core.errors import DeviceError
from tests.deploy.flash.memory_card import memory_card

MIB = 1 << 20


@pytest.mark.parametrize("size", [2 * MIB, 3 * MIB + 4096, 16 * MIB])
def test_an_honest_card_is_taken_and_unchanged(size: int) -> None:
    card = memory_card(size)
    refuse_fake_capacity(card)
    assert card.memory == b"\xaa" * size
    assert max(card.offsets) == size - 4096, "the last block was asked"


@pytest.mark.parametrize("holds", [MIB, 4 * MIB, 8 * MIB])
def test_a_card_that_wraps_is_refused_and_restored(holds: int) -> None:
    card = memory_card(16 * MIB, holds)
    with pytest.raises(DeviceError, match="16 MiB but loses what is written"):
        refuse_fake_capacity(card)
    assert card.memory == b"\xaa" * holds
