"""What a scheduler plans by, in the words of ISA-95 part 2 (B2MML): who is available, and for how
long a machine may still run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal, TypeAlias

from pydantic import Field

from deploy.history.store import HistoryStore, Record
from edge_agent.contracts.core.strict import Strict


class EquipmentCapability(Strict):
    """Whether a station can inspect. start_time: since when, ISO 8601; None: not known."""

    kind: Literal["equipment_capability"] = "equipment_capability"
    equipment_id: str
    capability_id: str
    capability_type: Literal["Available", "Unattainable"]
    reason: str
    start_time: str | None


class EquipmentProperty(Strict):
    """A machine's remaining life in hours, and the interval of it.

    value None: no end in sight. value_high None: the velocity may as well not rise. as_of: of the
    newest reading, ISO 8601.
    """

    kind: Literal["equipment_property"] = "equipment_property"
    equipment_id: str
    property_id: str
    value: float | None = Field(ge=0)
    value_low: float | None = Field(ge=0)
    value_high: float | None = Field(ge=0)
    unit_of_measure: str
    as_of: str


Equipment: TypeAlias = EquipmentCapability | EquipmentProperty


def equipment_now(store: HistoryStore) -> Iterator[tuple[str, Equipment]]:
    """(topic below the prefix, message) of every station and machine; raises StorageError."""
    for row in store.query("SELECT * FROM equipment_capability ORDER BY equipment_id"):
        yield _topic(row, "capability"), EquipmentCapability.model_validate(row)
    for row in store.query("SELECT * FROM equipment_property ORDER BY equipment_id"):
        yield _topic(row, "property"), EquipmentProperty.model_validate(row)


def _topic(row: Record, word: str) -> str:
    return f"plant/equipment/{row['equipment_id']}/{word}/{row[f'{word}_id']}"
