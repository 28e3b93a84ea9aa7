"""Run times in a card: one section, replaced and never repeated."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import BundleError
from quantize.bench.measure import Timing, machine_name
from quantize.bench.record import HEAD, refuse_signed, with_section

TIMING = asdict(Timing("litert 2.0", 1, 200, 1.25, 1.5, 2.0, 81.6, 43.2))


def test_a_section_is_replaced_and_what_follows_stays() -> None:
    card = "# Caps\n\nText.\n\n## Limits\n\nNone.\n"
    once = with_section(card, {"Pi 4": [TIMING]})
    again = with_section(once, {"Pi 4": [TIMING], "a|b": [TIMING]})
    assert again.count(HEAD) == 1
    assert "## Limits\n\nNone." in again
    assert "| Pi 4 | litert 2.0 | 1 | 1.250 | 1.500 | 2.000 | 82 | 43 |" in again
    assert "| a/b |" in again


def test_a_signed_bundle_is_not_touched() -> None:
    refuse_signed(Path("caps.bundle"), signed=False)
    with pytest.raises(BundleError, match="is signed, so its card cannot change"):
        refuse_signed(Path("caps.bundle"), signed=True)


def test_the_machine_has_a_name() -> None:
    assert machine_name().strip()
