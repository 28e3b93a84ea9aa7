from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable

import pytest

from edge_agent.contracts.core import argument_types as types


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (types.share, "0.5", 0.5),
        (types.limit, "-0.5", -0.5),
        (types.seconds, "0.001", 0.001),
        (types.whole, "0", 0),
        (types.count, "1", 1),
        (types.threads, str(types.MOST_THREADS), types.MOST_THREADS),
        (types.port, "65535", 65535),
        (types.up_to_a_day, "0", 0),
        (types.per_minute, "6e4", 60_000),
    ],
)
def test_a_number_in_its_range_is_read(
    read: Callable[[str], float], text: str, value: float
) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        (types.share, "1.01"),
        (types.share, "nan"),
        (types.limit, "-1.5"),
        (types.seconds, "0"),
        (types.seconds, "inf"),
        (types.whole, "-1"),
        (types.whole, "1.5"),
        (types.count, "0"),
        (types.threads, str(types.MOST_THREADS + 1)),
        (types.port, "0"),
        (types.up_to_a_day, "-1"),
        (types.up_to_a_day, "nan"),
        (types.up_to_a_day, "1e308"),
        (types.per_minute, "1e-300"),
        (types.port, "65536"),
        (types.share, "half"),
    ],
)
def test_any_other_is_refused_by_name(read: Callable[[str], float], text: str) -> None:
    with pytest.raises(ArgumentTypeError, match=text):
        read(text)
