"""Records bad parts that were found after the station had accepted them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from deploy.history.store import HistoryStore
from edge_agent.contracts.core.errors import InputError

SQL = "INSERT INTO found_later VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"


@dataclass(frozen=True)
class Finding:
    """A bad part. origin: where it was found, such as assembly or customer."""

    station: str
    part_id: str
    label: str
    origin: str


def record(store: HistoryStore, findings: Iterable[Finding], now_ns: int) -> int:
    """Write them; returns how many of them the station had accepted.

    Raises InputError for a part that no station inspected, and StorageError.
    """
    escapes = 0
    for one in findings:
        known = store.query(
            "SELECT action FROM verdict WHERE station = ? AND part_id = ?",
            (one.station, one.part_id),
        )
        if not known:
            raise InputError(
                f"no verdict on part {one.part_id!r} is in the history",
                where=f"station {one.station}",
                cure="check the part id and the station",
            )
        store.query(SQL, (one.station, one.part_id, now_ns, one.label, one.origin))
        escapes += any(row["action"] == "accept" for row in known)
    return escapes
