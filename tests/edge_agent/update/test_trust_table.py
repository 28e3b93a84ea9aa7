from __future__ import annotations

from pathlib import Path

from edge_agent.update.config import TrustTable


def test_keys_lie_in_the_station_folder_unless_another_folder_is_named() -> None:
    assert TrustTable().keys is None
    assert TrustTable(root=Path("/srv")).keys == Path("/srv/trust")
    assert TrustTable(root=Path("/srv"), keys_dir=Path("/etc/keys")).keys == Path("/etc/keys")


def test_unsigned_bundles_are_refused_unless_somebody_asks_for_it() -> None:
    assert TrustTable().allow_unsigned is False
