"""The condition of a machine: velocity, its ISO 20816-3 zone, bearing lines, trend."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.wire.messages import DurableMessage
from edge_agent.contracts.wire.stream import Stream


class AxisCondition(Strict):
    """One axis of the sensor. rms, peak: in the sensor's unit."""

    axis: str = Field(max_length=16)
    rms: float = Field(ge=0)
    peak: float = Field(ge=0)
    crest: float = Field(ge=0)
    kurtosis: float
    rms_mm_s: float | None = Field(default=None, ge=0, description="velocity, 10 to 1000 Hz")
    zone: Literal["A", "B", "C", "D"] | None = None


class BearingLine(Strict):
    """A fault's lines that stand out of the envelope's spectrum."""

    fault: Literal["BPFO", "BPFI", "BSF", "FTF"]
    order: float = Field(gt=0, description="multiple of the shaft's frequency")
    over_floor: float = Field(gt=0, description="height over its floor, as a factor")
    axis: str = Field(max_length=16)


class ConditionMessage(DurableMessage):
    """What one reading says of a machine, without a model."""

    kind: Literal["condition"] = "condition"
    channel: str = Field(max_length=64)
    captured_at_ns: int = Field(ge=0)
    unit: str = Field(max_length=16, description="of rms and peak")
    axes: list[AxisCondition] = Field(min_length=1, max_length=6)
    zone: Literal["A", "B", "C", "D"] | None = Field(default=None, description="the worst axis")
    rpm: float | None = Field(default=None, gt=0)
    lines: list[BearingLine] = Field(default_factory=list, max_length=4)
    trend_mm_s_per_h: float | None = Field(
        default=None, description="median slope of the worst axis's velocity over the last hour"
    )

    @property
    def rms_mm_s(self) -> float | None:
        """The velocity of the axis that moves most; None where no axis has one."""
        found = (axis.rms_mm_s for axis in self.axes if axis.rms_mm_s is not None)
        return max(found, default=None)


STREAM = Stream(
    "condition",
    ConditionMessage,
    "telemetry",
    qos=1,
    retain=False,
    max_bytes=2048,
    when="for a reading, every `telemetry.condition_every_s`, and when its zone gets worse",
    stale_after_s=120,
    period_s=15,
)
