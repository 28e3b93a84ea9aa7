"""What a channel remembers from item to item, apart from any bundle.

The alarm history and the last frame belong to the channel: they survive a new bundle, a restart
and a kill, so that a machine in alarm or a frozen camera never passes because something was
started anew.
"""

from __future__ import annotations

from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.decide.alarm_history import AlarmHistory
from edge_agent.health.frame import FrameHistory
from edge_agent.health.reading_history import ReadingHistory
from edge_agent.health.watch import CameraWatch, SensorWatch


class MemoryRecord(Strict):
    """The file of a channel's memory. alarms: series -> bits in hexadecimal, the newest lowest."""

    format: int = Field(default=1, ge=1, le=1)
    alarms: dict[str, str] = Field(default_factory=dict)
    frames: list[str] = Field(default_factory=list, max_length=64)
    equal_frames: int = Field(default=0, ge=0)


class ChannelMemory:
    """One channel's memory; its thread alone changes it.

    watch: what commissioning learned, held against the last items; None where there was none. It is
    not kept on disk, nor are the last readings: some items fill them again.
    """

    def __init__(self) -> None:
        self.watch: CameraWatch | SensorWatch | None = None
        self.alarms = AlarmHistory()
        self.frames = FrameHistory()
        self.readings = ReadingHistory()

    def warnings(self, channel: str) -> list[str]:
        """The faults of the station that the channel sees; any thread may ask."""
        faults = self.watch.faults if self.watch is not None else ()
        return [f"{channel}: {fault}" for fault in sorted(faults, key=lambda one: one.kind)]

    def dump(self) -> MemoryRecord:
        """The memory as it goes to disk."""
        return MemoryRecord(
            alarms=self.alarms.dump(),
            frames=self.frames.dump(),
            equal_frames=self.frames.equal,
        )

    def restore(self, record: MemoryRecord) -> None:
        """Remember what dump() gave; raises ValueError for a history that is none."""
        self.alarms.restore(record.alarms)
        self.frames.restore(record.frames, record.equal_frames)
