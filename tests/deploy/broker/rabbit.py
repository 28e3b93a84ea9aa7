"""A RabbitMQ 4 for the tests; a loud skip where it cannot be run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.rabbit import Node, NoRabbitError, rabbit_tree


def needs_rabbit() -> None:
    """Skip the test, loudly, where RabbitMQ cannot be run."""
    try:
        rabbit_tree()
    except NoRabbitError as error:
        pytest.skip(str(error))


@contextlib.contextmanager
def running(place: Path) -> Iterator[None]:
    """A node with the configuration of `place`, which it sees as /rb; it ends with the block."""
    needs_rabbit()
    with Node(place):
        yield
