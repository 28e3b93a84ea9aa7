"""Which addresses are this machine: the blocks of RFC 1122 (127.0.0.0/8) and RFC 4291 (::1)."""

from __future__ import annotations

import pytest

from edge_agent.contracts.core.loopback import is_loopback


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST", "localhost.", "127.0.0.1", "127.8.9.10", "::1", "[::1]"]
)
def test_this_machine(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize(
    "host", ["", "0.0.0.0", "::", "128.0.0.1", "localhost.plant.local", "127.0.0.1.plant.local"]
)
def test_another_machine(host: str) -> None:
    assert not is_loopback(host)
