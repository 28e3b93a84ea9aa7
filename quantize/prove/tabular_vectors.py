"""Parity vectors of models of process data: golden rows, edges of the plausible range, bad rows."""

from __future__ import annotations

import numpy as np

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.process.input import TabularInput, Tag, newest_window
from edge_agent.contracts.process.tables import parse_table
from edge_agent.infer.parity_vectors import Vector, VectorEntry
from quantize.prove.golden import Golden

REAL_SAMPLES = 4
MADE_ROWS = 3
"""Rows of a made table; a window that is longer repeats the first."""


def row_raws(golden: list[Golden], spec: TabularInput) -> list[Vector]:
    """Golden samples, tables of lowest, middle and highest values, and one that must be refused."""
    real = [
        _vector(f"golden-{index}", one.payload.decode())
        for index, one in enumerate(golden[:REAL_SAMPLES])
    ]
    texts = {
        name: _table(spec, [share * (1 + 0.1 * row) for row in range(MADE_ROWS)])
        for name, share in (("lowest", 0.0), ("middle", 0.4), ("highest", 0.8))
    }
    made = [_vector(name, text) for name, text in texts.items() if _is_judged(text, spec)]
    refused = VectorEntry(name="not-a-number", kind="rows", refused=True)
    text = _table(spec, [0.5] * MADE_ROWS, gap=True)
    return [*real, *made, Vector(refused, np.frombuffer(text.encode(), np.uint8))]


def _is_judged(text: str, spec: TabularInput) -> bool:
    """Not so where a derived feature cannot be computed, such as the logarithm of a low value."""
    try:
        newest_window(parse_table(text, "made rows"), spec)
    except InputError:
        return False
    return True


def _vector(name: str, text: str) -> Vector:
    return Vector(VectorEntry(name=name, kind="rows"), np.frombuffer(text.encode(), np.uint8))


def _table(spec: TabularInput, shares: list[float], *, gap: bool = False) -> str:
    """A CSV whose numbers lie at these shares of their plausible range; `gap` spoils the last row
    by a text that no category names and numbers out of range.
    """
    lines = [[f'"{tag.name}"' for tag in spec.tags]]
    for index, share in enumerate(shares):
        spoilt = gap and index == len(shares) - 1
        lines.append([_cell(tag, share, index, spoilt) for tag in spec.tags])
    return "\n".join(",".join(line) for line in lines) + "\n"


def _cell(tag: Tag, share: float, index: int, spoilt: bool) -> str:
    if tag.categories:
        return "no such category" if spoilt else tag.categories[index % len(tag.categories)]
    low = tag.low if tag.low is not None else 0.0
    high = tag.high if tag.high is not None else low + 1.0
    if spoilt:
        return repr(high + (high - low))
    return repr(low + share * (high - low))
