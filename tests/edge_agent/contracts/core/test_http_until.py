"""A request ends at its deadline."""

from __future__ import annotations

import socket
import time

import pytest
import urllib3

from edge_agent.contracts.core.http_until import pool_until
from tests.dripping import HTTP, Drip, dripping

LIMIT_S = 30
"""Against hanging: none of these servers ever ends its answer."""


def test_a_silent_server_is_cut_long_before_the_sockets_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        began = time.monotonic()
        with (
            pytest.raises(urllib3.exceptions.ProtocolError),
            pool_until(0.2, timeout=60, retries=False) as pool,
        ):
            pool.request("GET", address)
        assert time.monotonic() - began < LIMIT_S


@pytest.mark.parametrize("drip", HTTP.values(), ids=HTTP)
def test_a_server_that_drips_is_cut_at_the_deadline(drip: Drip) -> None:
    """Each byte would begin a timeout of a socket anew; half a head may look like an answer."""
    began = time.monotonic()
    with (
        dripping(drip) as port,
        pytest.raises((urllib3.exceptions.HTTPError, TimeoutError)),
        pool_until(0.3, timeout=60, retries=False) as pool,
    ):
        pool.request("GET", f"http://127.0.0.1:{port}/")
    assert time.monotonic() - began < LIMIT_S
