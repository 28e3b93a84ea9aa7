"""The power fails at every moment of an outbox's life: no verdict that was on disk is lost."""

from __future__ import annotations

import sys
from pathlib import Path
from random import Random

import pytest

from tests.edge_agent.messaging.outbox_kit import gaps_of, on_disk, open_outbox, verdicts_of
from tests.faults.byte_disk import ByteDisk, Call, record_bytes
from tests.faults.power_cut import missing

CHILD = Path(__file__).parent / "outbox_child.py"
WAYS = ("strict", "eager", "mixed", "mixed")


def recorded(folder: Path) -> list[Call]:
    if reason := missing():
        pytest.skip(reason)
    (folder / "memory").mkdir()
    words = [sys.executable, "-m", "tests.faults.outbox_child"]
    state = folder / "state"
    calls = record_bytes([*words, str(state), str(folder / "memory")], state, folder / "log")
    assert sum(call.kind == "say" for call in calls) > 50
    return calls


def cut_and_look(calls: list[Call], folder: Path, cuts: int, seed: int) -> int:
    """Cut the power at `cuts` moments; returns how many left an outbox to look into."""
    chance = Random(seed)
    moments = sorted(chance.randrange(1, len(calls) + 1) for _ in range(cuts))
    disk, done, kept, confirmed, looked = ByteDisk(), 0, 0, 0, 0
    for number, moment in enumerate(moments):
        for call in calls[done:moment]:
            if call.kind == "say":
                words = call.data.split()
                kept = int(words[1]) if words[0] == b"K" else kept
                confirmed = int(words[1]) if words[0] == b"R" else confirmed
            else:
                disk.apply(call)
        done = moment
        tree = folder / f"cut{number}"
        disk.after_cut(folder / "state", tree, WAYS[number % len(WAYS)], chance)
        look(tree, kept, confirmed)
        looked += kept > 0
    return looked


def look(tree: Path, kept: int, confirmed: int) -> None:
    """What was on disk and not confirmed is there; each number is there, confirmed or in a gap."""
    outbox = open_outbox(tree)
    outbox.stop()
    rows = on_disk(tree)
    numbers = {int(event.rsplit("/", 1)[1]) for event in verdicts_of(rows)}
    lost = set(range(confirmed, kept)) - numbers
    assert not lost, f"{len(lost)} verdicts that were on disk are lost, such as {min(lost)}"
    for gap in gaps_of(rows):
        assert gap["last_seq"] >= gap["first_seq"] >= 0
        assert gap["first_seq"] >= kept, "a verdict that was on disk is told lost"
    assert outbox.notice == "", "a power cut is taken for a damaged disk"


def test_power_cuts_lose_no_verdict_that_was_on_disk(tmp_path: Path) -> None:
    calls = recorded(tmp_path)
    assert cut_and_look(calls, tmp_path, cuts=40, seed=1) > 20


@pytest.mark.faults
@pytest.mark.timeout(1800)
def test_a_thousand_power_cuts_lose_no_verdict_that_was_on_disk(tmp_path: Path) -> None:
    calls = recorded(tmp_path)
    assert cut_and_look(calls, tmp_path, cuts=1000, seed=2) > 700
