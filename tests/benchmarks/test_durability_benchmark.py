"""The smoke version of benchmarks.durability: its rows, and that no acted part is unknown."""

from __future__ import annotations

import json

import pytest

from benchmarks.brokers import find_mosquitto
from benchmarks.durability import main


@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
def test_quick_version_has_every_row_and_knows_every_acted_part(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["--quick"])
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]
    values = {row["name"]: row["value"] for row in rows}
    assert values["acted parts that nobody knows of"] == 0
    assert values["parts acted on, over all kills"] > 0
    assert values["outbox and sender against bare"] > 0.1
    assert "messages to disk, group commit" in values
