"""Made rows of process data: inside the plausible range, but for the one that must be refused."""

from __future__ import annotations

import pytest

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.process.input import Feature, TabularInput, Tag, newest_window
from edge_agent.contracts.process.tables import parse_table
from edge_agent.infer.parity_vectors import Vector
from quantize.prove.tabular_vectors import row_raws

TAGS = [
    Tag(name="temp", unit="degC", low=-10, high=90),
    Tag(name="grade", categories=["A", "B"]),
]


def text_of(vector: Vector) -> str:
    return bytes(vector.raw).decode()


def test_made_rows_span_the_range_and_the_last_vector_is_refused() -> None:
    spec = TabularInput(tags=TAGS, features=[Feature(of="temp", edges=[-10, 90])])
    vectors = {one.entry.name: one for one in row_raws([], spec)}
    assert list(vectors) == ["lowest", "middle", "highest", "not-a-number"]
    for name in ("lowest", "middle", "highest"):
        newest_window(parse_table(text_of(vectors[name]), name), spec)
    assert text_of(vectors["lowest"]).splitlines()[1] == "-10.0,A"
    assert vectors["not-a-number"].entry.refused
    with pytest.raises(InputError):
        newest_window(parse_table(text_of(vectors["not-a-number"]), "refused"), spec)
