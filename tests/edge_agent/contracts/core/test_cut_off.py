"""A connection ends at its deadline, and its handles are given back."""

from __future__ import annotations

import socket
import time

from edge_agent.contracts.core.cut_off import CutOff, cut_after, longest_s
from tests.dripping import BODY, dripping


def test_a_connection_that_drips_ends_at_the_deadline() -> None:
    began = time.monotonic()
    with dripping(BODY) as port, cut_after(0.3) as cut:
        with cut.watched(socket.create_connection(("127.0.0.1", port), 60)) as link:
            link.sendall(b"GET")
            while link.recv(100):
                pass
        assert cut.is_over
    assert time.monotonic() - began < 30


def test_what_is_watched_after_the_deadline_is_ended_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        cut = CutOff()
        cut.end()
        with cut.watched(socket.create_connection(listening.getsockname()[:2])) as link:
            assert link.recv(1) == b""
        cut.close()


def test_a_small_file_may_take_as_long_as_two_answers_and_a_large_one_longer() -> None:
    assert longest_s(0) == 60
    assert longest_s(4_000_000) == 4060
