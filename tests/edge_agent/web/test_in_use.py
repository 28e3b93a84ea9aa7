"""What the page knows before the station has said anything."""

from __future__ import annotations

from edge_agent.web.in_use import InUse


def test_nothing_is_in_use_at_first() -> None:
    assert (InUse().bundles, InUse().runtimes) == ({}, {})
