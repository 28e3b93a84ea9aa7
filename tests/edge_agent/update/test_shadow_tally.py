from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import BundleError
from edge_agent.update.gate import Gate
from edge_agent.update.journal import Journal
from edge_agent.update.shadow_tally import ShadowTally, read_tally, tally_path, write_tally
from edge_agent.update.watches import ShadowGate

DIGEST, OTHER = "a" * 64, "b" * 64
JOURNAL = Journal(candidate=OTHER, manifest=DIGEST, name="caps", version="1.1.0", shadow=Gate())


def test_an_item_counts_once_against_the_candidate() -> None:
    tally = ShadowTally(manifest=DIGEST)
    for agrees, late in ((True, False), (True, True), (False, True), (False, False)):
        tally = tally.with_item(agrees=agrees, late=late)
    assert (tally.items, tally.disagreed, tally.late, tally.bad) == (4, 2, 1, 3)


def test_what_cannot_be_read_is_no_tally(tmp_path: Path) -> None:
    assert read_tally(tmp_path, "caps") is None
    write_tally(tmp_path, "caps", ShadowTally(manifest=DIGEST, items=3))
    assert read_tally(tmp_path, "caps") == ShadowTally(manifest=DIGEST, items=3)
    tally_path(tmp_path, "caps").write_text("{")
    assert read_tally(tmp_path, "caps") is None


@pytest.mark.parametrize(
    ("tally", "passes"),
    [
        (ShadowTally(manifest=DIGEST, items=400), True),
        (ShadowTally(manifest=DIGEST, items=40), False),
        (ShadowTally(manifest=OTHER, items=400), False),
        (None, False),
    ],
    ids=["enough", "too few", "another candidate", "none"],
)
def test_the_gate_waits_for_enough_items_of_this_candidate(
    tally: ShadowTally | None, passes: bool, tmp_path: Path
) -> None:
    if tally is not None:
        write_tally(tmp_path, "caps", tally)
    assert ShadowGate(tmp_path)(JOURNAL) is passes
    assert ShadowGate(tmp_path)(JOURNAL.model_copy(update={"shadow": None}))


@pytest.mark.parametrize(
    ("tally", "words"),
    [
        (ShadowTally(manifest=DIGEST, items=5, disagreed=3), "3 of 5 items decided otherwise"),
        (ShadowTally(manifest=DIGEST, items=5, late=4), "4 too late"),
        (ShadowTally(manifest=DIGEST, fault="another input"), "another input"),
    ],
    ids=["disagrees", "slow", "cannot judge"],
)
def test_a_candidate_fails_in_the_shadow(tally: ShadowTally, words: str, tmp_path: Path) -> None:
    write_tally(tmp_path, "caps", tally)
    with pytest.raises(BundleError, match=words):
        ShadowGate(tmp_path)(JOURNAL)
