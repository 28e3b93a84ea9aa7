"""Smoke versions of benchmarks.durability: their rows, and that no acted part is unknown."""

from __future__ import annotations

import json
import shutil

import pytest

from benchmarks.brokers import find_mosquitto
from benchmarks.durability import main
from benchmarks.durability_history import database_server
from benchmarks.durability_line import VERDICTS
from benchmarks.durability_plant import VICTIMS
from benchmarks.postgres import find_postgres
from tests.deploy.broker.rabbit import needs_rabbit

pytestmark = pytest.mark.skipif(
    find_mosquitto() is None or shutil.which("mosquitto_sub") is None,
    reason="mosquitto or its clients are not installed (apt install mosquitto mosquitto-clients)",
)
needs_postgres = pytest.mark.skipif(
    find_postgres() is None, reason="PostgreSQL is not installed (apt install postgresql)"
)


def values(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, float]:
    main(list(words))
    rows = json.loads(capsys.readouterr().out.splitlines()[-1])["rows"]
    return {row["name"]: row["value"] for row in rows}


def test_quick_kills_leave_no_acted_part_unknown(capsys: pytest.CaptureFixture[str]) -> None:
    found = values(capsys, "--quick", "--only", "kill")
    assert found["acted parts that nobody knows of"] == 0
    assert found["parts acted on, over all kills"] > 0


@pytest.mark.parametrize(
    ("part", "row"),
    [
        ("throughput", "outbox and sender against bare"),
        ("disk", "messages to disk, group commit"),
    ],
)
def test_quick_part_has_its_row(capsys: pytest.CaptureFixture[str], part: str, row: str) -> None:
    assert values(capsys, "--quick", "--only", part)[row] > 0.1


@pytest.mark.integrations
@needs_postgres
def test_quick_parts_of_the_history_have_their_rows(capsys: pytest.CaptureFixture[str]) -> None:
    assert values(capsys, "--quick", "--only", "level2")["to a confirmed row against bare"] > 0.01
    found = values(capsys, "--quick", "--only", "rows")
    assert sum("rows into" in name for name in found) == 2  # SQLite and PostgreSQL
    with database_server() as server:
        assert server is not None
        assert server.cpu_s() > 0


@pytest.mark.integrations
@needs_postgres
def test_a_plant_that_dies_again_and_again_loses_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert len(VICTIMS) == 4
    exact(values(capsys, "--quick", "--only", "plant"))


@pytest.mark.faults
@needs_postgres
def test_twenty_thousand_verdicts_through_a_dying_plant(
    capsys: pytest.CaptureFixture[str],
) -> None:
    exact(values(capsys, "--only", "plant", "--verdicts", str(VERDICTS)))


def exact(found: dict[str, float]) -> None:
    """0 lost, 0 twice, and accounts that explain every number."""
    assert found["plant: parts acted on"] > 0
    assert found["plant: acted parts in neither table nor accounts"] == 0
    assert found["plant: verdicts twice in the table"] == 0
    assert found["plant: numbers that no account explains"] == 0


@pytest.mark.integrations
def test_a_dead_node_of_a_cluster_costs_no_verdict(capsys: pytest.CaptureFixture[str]) -> None:
    needs_rabbit()
    found = values(capsys, "--quick", "--only", "cluster")
    assert found["cluster: nodes whose disk holds a queue"] == 3
    assert found["cluster: verdicts that were not in the table when the node died"] > 0
    assert found["cluster: verdicts lost at level 2"] == 0
    assert found["cluster: verdicts twice in the table"] == 0
