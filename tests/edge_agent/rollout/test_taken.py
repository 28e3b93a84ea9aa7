"""What was taken is on disk before anything is done about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import StorageError
from edge_agent.rollout.taken import Taken, read_taken, taken_after, write_taken
from tests.edge_agent.rollout.rollout_kit import open_line


def test_it_is_read_as_it_was_written_and_damage_is_named(tmp_path: Path) -> None:
    line = open_line(tmp_path)
    assert read_taken(line.root) is None
    taken = Taken(state=line.state(line.release("1.1.0"), 5), digest="0" * 64)
    write_taken(line.root, taken)
    assert read_taken(line.root) == taken
    (line.root / "rollout/desired.json").write_text("{")
    with pytest.raises(StorageError, match=r"desired\.json: is damaged"):
        read_taken(line.root)


def test_a_controller_that_asks_again_begins_nothing_anew(tmp_path: Path) -> None:
    line, old, other = open_line(tmp_path), "1" * 64, "2" * 64
    state = line.state(line.release("1.1.0"), 5)
    again = state.model_copy(update={"counter": 6})
    back = state.model_copy(update={"counter": 7, "action": "return"})
    first = taken_after(None, state, "0" * 64, old)
    assert (first.had, first.candidate) == (old, None)
    begun = first.model_copy(update={"candidate": other})
    asked = taken_after(begun, again, "3" * 64, old)
    assert (asked.had, asked.candidate, asked.state.counter) == (old, other, 6)
    done = begun.model_copy(update={"ended": "done"})
    asked = taken_after(done, again, "3" * 64, state.manifest_sha256)
    assert (asked.had, asked.candidate) == (old, None)
    assert taken_after(asked, back, "4" * 64, state.manifest_sha256).had == old
    stranger = done.model_copy(
        update={"state": state.model_copy(update={"manifest_sha256": other})}
    )
    assert taken_after(stranger, again, "3" * 64, other).had == other
    assert taken_after(stranger, back, "3" * 64, other).had is None
