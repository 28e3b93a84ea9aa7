"""Shares of stations."""

from __future__ import annotations

import argparse

import pytest

from deploy.history.sharing import Share, share


def test_every_station_has_exactly_one_collector() -> None:
    shares = [share(f"{k}/3") for k in (1, 2, 3)]
    taken = [[one.takes(f"press-{n}") for one in shares] for n in range(300)]
    assert all(sum(row) == 1 for row in taken)
    assert all(60 < sum(column) < 140 for column in zip(*taken, strict=True))
    assert Share().takes("any")


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", ""])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="the second of three"):
        share(text)
