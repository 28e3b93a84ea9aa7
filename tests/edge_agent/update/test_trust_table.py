from __future__ import annotations

from pathlib import Path

from edge_agent.update.config import TrustTable


def test_the_root_lies_in_the_station_folder_unless_another_folder_is_named() -> None:
    assert TrustTable().trusted is None
    assert TrustTable(root=Path("/srv")).trusted == Path("/srv/trust")
    assert TrustTable(root=Path("/srv"), folder=Path("/etc/keys")).trusted == Path("/etc/keys")


def test_unsigned_bundles_are_refused_unless_somebody_asks_for_it() -> None:
    assert TrustTable().allow_unsigned is False
