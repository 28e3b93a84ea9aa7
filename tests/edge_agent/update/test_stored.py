"""A damaged file of a station is named with its place and its cure."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import StorageError
from edge_agent.update.slot_store import MinVersion
from edge_agent.update.stored import parse_stored

PATH = Path("/station/min_version.json")
WHOLE = b'{"version": "1.2.0", "manifest_sha256": "' + b"a" * 64 + b'"}'


def test_a_whole_file_is_read() -> None:
    assert parse_stored(MinVersion, WHOLE, PATH, "is damaged", "remove it").version == "1.2.0"


@pytest.mark.parametrize("text", [b"", WHOLE[:-1], b"\xff", b'{"version": "1.2.0"}', b"[]"])
def test_a_damaged_file_is_an_error_with_its_cure(text: bytes) -> None:
    with pytest.raises(StorageError) as caught:
        parse_stored(MinVersion, text, PATH, "is damaged", "remove it")
    assert str(caught.value) == f"{PATH}: is damaged: check the disk; then remove it"
