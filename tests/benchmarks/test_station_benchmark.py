"""The figures of the station's memory come out of a smoke run."""

from __future__ import annotations

import json

import pytest

from benchmarks import station


def test_audit_finds_every_mutation(capsys: pytest.CaptureFixture[str]) -> None:
    station.main(["--only", "audit", "--quick"])
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)["rows"]}
    assert rows["audit mutations not found"]["value"] == 0
