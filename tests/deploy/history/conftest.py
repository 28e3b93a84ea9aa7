"""The databases that hold a history: a file, and a PostgreSQL server for the whole session."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import pytest

from benchmarks.postgres import Postgres, find_postgres
from deploy.history.places import store_at
from deploy.history.store import HistoryStore

NUMBERS = count()


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    """A PostgreSQL server; skips where none is installed."""
    if find_postgres() is None:
        pytest.skip("PostgreSQL is not installed (apt install postgresql)")
    with Postgres() as running:
        yield running


@pytest.fixture
def database(server: Postgres) -> str:
    """The address of an empty database of its own."""
    return server.new_database(f"plant{next(NUMBERS)}")


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.integrations)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where an empty history may be made: a file, or a database of a server."""
    if request.param == "sqlite":
        return str(tmp_path / "history.db")
    found: str = request.getfixturevalue("database")
    return found


@pytest.fixture
def store(place: str) -> Iterator[HistoryStore]:
    """An open, empty history."""
    with store_at(place) as opened:
        yield opened
