"""JSON that others wrote: one exception for all that can be wrong with it."""

from __future__ import annotations

import json

from edge_agent.contracts.core.text import repeated_name


def load_json_object(text: str | bytes, *, finite: bool = True) -> dict[str, object]:
    """The object of a JSON text. finite: whether NaN, infinities and what is beyond float64 are
    refused; our own files of tags may hold them.

    Raises ValueError for what is no JSON or no object, nests too deep, or holds a key twice: nobody
    knows which value is meant.
    """
    constant, number = (_refuse, _finite) if finite else (None, None)
    try:
        found = json.loads(
            text, object_pairs_hook=_table, parse_constant=constant, parse_float=number
        )
    except RecursionError as error:
        raise ValueError("nests too deep") from error
    if not isinstance(found, dict):
        raise ValueError(f"a {type(found).__name__} in the place of an object")  # noqa: TRY004
    return found


def _table(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(f"holds {(repeated_name(name for name, _ in pairs) or '')[:60]!r} twice")
    return found


def _refuse(name: str) -> object:
    raise ValueError(f"holds {name}")


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"holds {digits[:20]}, which is too large")
    return number
