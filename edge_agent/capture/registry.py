"""The table of drivers; a driver's module is imported only when the configuration names it."""

from __future__ import annotations

from importlib import import_module

from pydantic import BaseModel

from edge_agent.capture.source import Source
from edge_agent.contracts.core.clock import Clock

DRIVERS = {
    ("image", "folder"): ("edge_agent.capture.camera.folder", "FolderCamera"),
    ("image", "video"): ("edge_agent.capture.camera.video", "VideoCamera"),
    ("image", "v4l2"): ("edge_agent.capture.camera.v4l2", "V4l2Camera"),
    ("image", "twin"): ("edge_agent.capture.camera.simulated", "TwinCamera"),
    ("vibration", "wav"): ("edge_agent.capture.vibration.replay", "ReplaySensor"),
    ("vibration", "csv"): ("edge_agent.capture.vibration.replay", "ReplaySensor"),
    ("vibration", "npz"): ("edge_agent.capture.vibration.replay", "ReplaySensor"),
    ("vibration", "mat"): ("edge_agent.capture.vibration.replay", "ReplaySensor"),
    ("vibration", "parquet"): ("edge_agent.capture.vibration.replay", "ReplaySensor"),
    ("vibration", "twin"): ("edge_agent.capture.camera.simulated", "TwinSensor"),
    ("tabular", "csv"): ("edge_agent.capture.process.rows", "RowReplay"),
    ("tabular", "parquet"): ("edge_agent.capture.process.rows", "RowReplay"),
    ("tabular", "mqtt"): ("edge_agent.capture.process.mqtt_tags", "MqttTags"),
}
"""(kind of channel, driver) -> module and class."""


def build_source(kind: str, config: BaseModel, *, name: str, clock: Clock) -> Source:
    """The closed source that `config` (a table of edge_agent.capture.tables) describes."""
    module, driver = DRIVERS[kind, str(getattr(config, "driver", ""))]
    source: Source = getattr(import_module(module), driver)(config, name=name, clock=clock)
    return source
