"""The drivers of this room, by kind of channel; each is imported only when it is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, TypeAlias

from pydantic import SerializeAsAny

from edge_agent.capture.source import (
    FoundDevice,
    Source,
    SourceDriver,
    SourceTable,
    VibrationSourceTable,
)
from edge_agent.contracts.core.by_driver import ByDriver
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.registry import Registry

CAMERAS: Registry[SourceDriver] = Registry(
    "edge_agent.capture.camera", SourceDriver, noun="camera driver"
)
SENSORS: Registry[SourceDriver] = Registry(
    "edge_agent.capture.vibration", SourceDriver, noun="vibration driver"
)
TAG_SOURCES: Registry[SourceDriver] = Registry(
    "edge_agent.capture.process",
    SourceDriver,
    noun="process driver",
    besides=("tag_cache", "tag_mapping"),
)
REGISTRIES: Mapping[str, Registry[SourceDriver]] = {
    "image": CAMERAS,
    "vibration": SENSORS,
    "tabular": TAG_SOURCES,
}
"""Kind of channel -> its drivers."""

SIMULATED: Mapping[str, object] = {"driver": "simulated"}
FORMER_SENSORS: Mapping[str, Mapping[str, object]] = {
    "twin": SIMULATED,
    **{
        name: {"driver": "replay", "format": name}
        for name in ("wav", "csv", "npz", "mat", "parquet")
    },
}
FORMER_TAG_SOURCES: Mapping[str, Mapping[str, object]] = {
    "mqtt": {"driver": "mqtt_tags"},
    "csv": {"driver": "rows", "format": "csv"},
    "parquet": {"driver": "rows", "format": "parquet"},
}
"""Names of one release ago, and what takes their place."""

ImageSource: TypeAlias = Annotated[
    SerializeAsAny[SourceTable], ByDriver(CAMERAS, {"twin": SIMULATED})
]
VibrationSource: TypeAlias = Annotated[
    SerializeAsAny[VibrationSourceTable], ByDriver(SENSORS, FORMER_SENSORS)
]
ProcessSource: TypeAlias = Annotated[
    SerializeAsAny[SourceTable], ByDriver(TAG_SOURCES, FORMER_TAG_SOURCES)
]


def build_source(kind: str, config: SourceTable, *, name: str, clock: Clock) -> Source:
    """The closed source that a validated `[channel.source]` table describes."""
    return REGISTRIES[kind].find(config.driver).build(config, name=name, clock=clock)


def find_devices(kinds: Sequence[str], driver: str = "") -> Iterator[tuple[str, FoundDevice]]:
    """(kind, device) of every device that the drivers of these kinds find on this machine.

    driver: ask this one alone; raises ConfigError for one that no kind has.
    """
    named = [kind for kind in kinds if driver in REGISTRIES[kind].names()]
    if driver and not named:
        REGISTRIES[kinds[0]].find(driver)
    for kind in named if driver else kinds:
        rows = REGISTRIES[kind].rows()
        for name in [driver] if driver else rows:
            yield from ((kind, device) for device in rows[name].finds())


def replay_table(kind: str, path: Path) -> dict[str, object]:
    """The `[channel.source]` table that replays a recording; raises DeviceError without one."""
    if not path.exists():
        raise DeviceError("no such recording", where=str(path), cure="check the path")
    for name, row in REGISTRIES[kind].rows().items():
        if row.replays(path):
            return {"driver": name, "path": path}
    raise DeviceError(
        f"no {REGISTRIES[kind].noun} replays it", where=str(path), cure="check the path"
    )
