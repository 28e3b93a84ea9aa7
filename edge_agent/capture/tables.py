"""The `[channel.source]` tables of station.toml: one model for each driver, light to import."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, model_validator

from edge_agent.broker.config import BrokerTable
from edge_agent.settings.toml import StationPath, Table

RateHz = Annotated[float, Field(ge=0, le=1000)]


class FolderSource(Table):
    """Images of a folder in name order, sub-folders included: the camera of a desktop."""

    driver: Literal["folder"]
    path: StationPath = Field(description="the folder")
    rate_hz: RateHz = Field(default=0, description="images a second; 0: as fast as the line takes")
    at_end: Literal["stop", "wait", "repeat"] = Field(
        default="stop", description="stop; or wait for new files; or begin again"
    )


class VideoSource(Table):
    """A video file that OpenCV can read."""

    driver: Literal["video"]
    path: StationPath = Field(description="the file")
    rate_hz: RateHz = Field(default=0, description="frames a second; 0: as fast as the line takes")


class V4l2Source(Table):
    """A USB or CSI camera under Linux (V4L2 through OpenCV)."""

    driver: Literal["v4l2"]
    device: int | str = Field(default=0, description="number, or path such as /dev/video0")
    width_px: int = Field(ge=16, le=16384, description="width; another one is refused")
    height_px: int = Field(ge=16, le=16384, description="height; another one is refused")
    rate_hz: float = Field(
        default=0, ge=0, le=1000, description="frames a second; 0: the camera's own rate"
    )
    pixel_format: str = Field(
        default="", pattern=r"^([A-Z0-9]{4})?$", description="FOURCC such as MJPG; empty: its own"
    )


class RecordingSource(Table):
    """Vibration recordings of a file or folder, replayed window by window."""

    driver: Literal["wav", "csv", "npz", "mat", "parquet"]
    path: StationPath = Field(description="one recording, or a folder of them")
    axes: list[str] = Field(
        default_factory=list,
        max_length=16,
        description="columns, positions or patterns; empty: those of the bundle",
    )
    sample_rate_hz: float | None = Field(
        default=None, gt=0, le=1_000_000, description="where the file does not say; must agree"
    )
    unit: str = Field(default="g", description="the unit of the samples")
    rpm: float | None = Field(
        default=None, gt=0, le=1_000_000, description="speed of the shaft where no file says it"
    )
    window_s: float = Field(
        default=0, ge=0, le=3600, description="length of a part; 0: the whole recording is one"
    )
    paced: bool = Field(default=False, description="true: in the time the recording took")


class TwinCameraSource(Table):
    """The simulated line: deterministic parts on a belt, with known truth."""

    driver: Literal["twin"]
    seed: int = Field(default=1, ge=0, description="part k of a seed is always the same")
    start: int = Field(default=0, ge=0, description="number of the first part")
    parts: int = Field(default=0, ge=0, description="parts to give; 0: without end")
    rate_hz: RateHz = Field(default=0, description="parts a second; 0: as fast as the line takes")
    width_px: int = Field(default=640, ge=32, le=4096, description="width of a frame")
    height_px: int = Field(default=480, ge=32, le=4096, description="height of a frame")
    defect_rate: float = Field(default=0.25, ge=0, le=1, description="share of bad parts")


class TwinSensorSource(Table):
    """The simulated motor: an accelerometer on a bearing, with known truth."""

    driver: Literal["twin"]
    seed: int = Field(default=1, ge=0, description="part k of a seed is always the same")
    start: int = Field(default=0, ge=0, description="number of the first reading")
    parts: int = Field(default=0, ge=0, description="readings to give; 0: without end")
    rate_hz: RateHz = Field(
        default=0, description="readings a second; 0: as fast as the line takes"
    )
    sample_rate_hz: float = Field(
        default=12000, ge=2000, le=200_000, description="samples a second of the accelerometer"
    )
    duration_s: float = Field(default=1.0, ge=0.05, le=60, description="length of a reading")
    defect_rate: float = Field(default=0.25, ge=0, le=1, description="share of bad motors")


class RowsSource(Table):
    """Rows of process tags from a file, or from a folder of files in name order."""

    driver: Literal["csv", "parquet"]
    path: StationPath = Field(description="one table, or a folder of them")
    header: list[str] = Field(
        default_factory=list, max_length=512, description="columns of files without header line"
    )
    part_column: str = Field(default="", description="names the part; empty: FILE#ROW")
    rate_hz: RateHz = Field(default=0, description="rows a second; 0: as fast as the line takes")


class TagTopic(Table):
    """Where one tag comes from."""

    name: str = Field(
        min_length=1, description="as the model calls it; another unit in the brackets is converted"
    )
    topic: str = Field(min_length=1, pattern=r"^[^+#\x00]+$", description="without wildcards")
    key: str = Field(
        default="", description="of a JSON object, dots lead inside; empty: the payload itself"
    )


class TagsSource(Table):
    """Process tags over MQTT, each as it comes; a row is taken by the clock or by a trigger."""

    driver: Literal["mqtt"]
    topic: str = Field(
        default="",
        pattern=r"^[^+#\x00]*$",
        description="JSON objects on it hold the tags that are not listed, by their names",
    )
    period_s: float = Field(default=0, ge=0, le=86400, description="a row so often; 0: by trigger")
    trigger_tag: str = Field(default="", description="the tag whose message takes a row")
    trigger_on: Literal["message", "change", "rise"] = Field(
        default="message",
        description="every message; a new value; or from nothing, false or 0 to something",
    )
    settle_ms: float = Field(
        default=0, ge=0, le=60_000, description="wait after a trigger for the part's own values"
    )
    part_tag: str = Field(default="", description="the tag that names the part; empty: counted")
    stale_s: float = Field(
        default=10, ge=0, le=86400, description="an older value is no value; 0: tags sent on change"
    )
    broker: BrokerTable | None = Field(default=None, description="absent: the one of [mqtt]")
    tag: list[TagTopic] = Field(
        default_factory=list, max_length=512, description="tags with topics of their own"
    )

    @model_validator(mode="after")
    def _period_or_trigger(self) -> Self:
        if (self.period_s > 0) == bool(self.trigger_tag):
            raise ValueError("give either period_s or trigger_tag")
        return self

    @model_validator(mode="after")
    def _tags_are_told_apart(self) -> Self:
        names = [tag.name for tag in self.tag]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"two tags are named {twice[0]!r}")
        lost = [n for n in (self.trigger_tag, self.part_tag) if n and n not in names]
        if lost and not self.topic:
            raise ValueError(f"{lost[0]!r} is not among the tags, and no topic holds the others")
        return self


ImageSource: TypeAlias = Annotated[
    FolderSource | VideoSource | V4l2Source | TwinCameraSource, Field(discriminator="driver")
]
VibrationSource: TypeAlias = Annotated[
    RecordingSource | TwinSensorSource, Field(discriminator="driver")
]
ProcessSource: TypeAlias = Annotated[RowsSource | TagsSource, Field(discriminator="driver")]
