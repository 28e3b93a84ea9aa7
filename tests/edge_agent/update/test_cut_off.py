"""A request ends at its deadline."""

from __future__ import annotations

import socket
import time

import pytest
import urllib3

from edge_agent.update.cut_off import pool_until


def test_a_silent_server_is_cut_long_before_the_sockets_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        began = time.monotonic()
        with pool_until(0.2, timeout=60, retries=False) as (pool, cut):
            with pytest.raises(urllib3.exceptions.ProtocolError):
                pool.request("GET", address)
            assert cut.is_over
        assert time.monotonic() - began < 30
