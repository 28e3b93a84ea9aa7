"""An answer is whole in time or not at all."""

from __future__ import annotations

import socket
import time

import pytest

from edge_agent.fieldbus.prompt_answer import PromptAnswer
from tests.dripping import Drip, dripping


def test_an_answer_in_pieces_is_put_together() -> None:
    near, far = socket.socketpair()
    with near, far:
        for piece in (b"ab", b"c", b"def"):
            far.sendall(piece)
        answer = PromptAnswer(near, 5)
        assert (answer.exactly(4), answer.piece(10)) == (b"abcd", b"ef")
        assert near.gettimeout() == 5


def test_one_that_drips_comes_too_late() -> None:
    began = time.monotonic()
    with (
        dripping(Drip(b"abc", b"d")) as port,
        socket.create_connection(("127.0.0.1", port)) as link,
    ):
        link.sendall(b"?")
        with pytest.raises(TimeoutError, match=r"takes more than 0\.2 s|timed out"):
            PromptAnswer(link, 0.2).exactly(100_000)
    assert time.monotonic() - began < 30


def test_the_end_of_the_connection_is_no_answer() -> None:
    near, far = socket.socketpair()
    with near:
        far.sendall(b"abc")
        far.close()
        with pytest.raises(ConnectionError, match="hung up"):
            PromptAnswer(near, 5).exactly(4)
