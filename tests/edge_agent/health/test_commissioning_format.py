"""commissioning.json of other versions: the one before is read, a newer one is refused in words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.health.commissioning import (
    FORMAT,
    Commissioning,
    read_commissioning,
    write_commissioning,
)


def test_the_format_of_before_is_read_and_written_as_todays(tmp_path: Path) -> None:
    path = tmp_path / "commissioning.json"
    path.write_text('{"format": 1, "channels": {}}')
    write_commissioning(path, read_commissioning(path))
    assert json.loads(path.read_text())["format"] == FORMAT
    assert read_commissioning(path) == Commissioning()


def test_the_file_of_a_newer_agent_is_named_as_such(tmp_path: Path) -> None:
    path = tmp_path / "commissioning.json"
    path.write_text('{"format": 99, "channels": {"top": {"learnt": "otherwise"}}}')
    with pytest.raises(ConfigError) as caught:
        read_commissioning(path)
    assert caught.value.what == (
        f"was written by a newer agent (format 99, this one reads 1 to {FORMAT})"
    )
    assert "commission again, or update this agent" in caught.value.cure


@pytest.mark.parametrize("text", ['{"format": 1, "more": 1}', "{", "[]", '{"format": "x"}'])
def test_a_damaged_one_is_no_newer_one(text: str, tmp_path: Path) -> None:
    path = tmp_path / "commissioning.json"
    path.write_text(text)
    with pytest.raises(ConfigError, match="is damaged, or of another version"):
        read_commissioning(path)
