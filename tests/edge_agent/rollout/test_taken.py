"""What was taken is on disk before anything is done about it."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import StorageError
from edge_agent.rollout.taken import Taken, read_taken, write_taken
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
