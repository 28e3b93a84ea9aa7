"""The schema of station.toml."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self, TypeAlias

from pydantic import Field, field_validator, model_validator

from edge_agent.broker.config import BrokerTable
from edge_agent.capture.tables import ImageSource, ProcessSource, TagsSource, VibrationSource
from edge_agent.contracts.model.alarm_rule import Persistence
from edge_agent.contracts.wire.decision import SafeAction
from edge_agent.decide.bearings import BEARINGS
from edge_agent.decide.severity import MachineGroup
from edge_agent.settings.toml import StationPath, Table, read_toml

Identity = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$")]
COUNTING_DRIVERS = frozenset({"v4l2"})


class StationTable(Table):
    """Who this station is."""

    id: Identity = Field(description="name of the station in every topic and event")
    state_dir: StationPath = Field(
        default=Path("state"), validate_default=True, description="folder of the outbox"
    )
    safe_action: SafeAction = Field(
        default="reject", description="what happens to a part with NO-VERDICT"
    )


class MqttTable(BrokerTable):
    """The broker that verdicts go to. Without this table verdicts are only shown, not sent."""

    topic_prefix: str = Field(
        default="lineside", pattern=r"^[^+#\x00]+$", description="topics are PREFIX/STATION/STREAM"
    )
    client_id: str = Field(default="", max_length=128, description="empty: lineside-STATION")
    session_expiry_s: int = Field(
        default=86400, ge=0, le=0xFFFFFFFE, description="how long the broker keeps our session"
    )
    window: int = Field(
        default=100, ge=1, le=5000, description="messages under way without an answer"
    )
    reconnect_max_s: float = Field(
        default=30, gt=0, le=3600, description="longest wait between two attempts to connect"
    )
    ack: Literal["broker", "application"] = Field(
        default="broker",
        description="who confirms a message: the broker, or a receiver on PREFIX/STATION/ack",
    )
    ack_timeout_s: float = Field(
        default=30, gt=0, le=3600, description="an unconfirmed message is sent again after this"
    )


class OutboxTable(Table):
    """What is kept on disk until it is confirmed."""

    quota_mb: float = Field(
        default=64, ge=0.25, le=1_000_000, description="verdicts beyond this are counted, not kept"
    )
    hand_over: int = Field(
        default=4096, ge=16, le=1_000_000, description="messages that may wait for the disk"
    )


class LineTable(Table):
    """How channels become parts, and how fast a verdict must be."""

    deadline_ms: float = Field(
        default=200, gt=0, le=3_600_000, description="grab to verdict; later is NO-VERDICT"
    )
    join: Literal["none", "part_id"] = Field(
        default="none",
        description="none: each item is a part; part_id: a part has one item of every channel",
    )
    health_every_s: float = Field(
        default=10, gt=0, le=3600, description="time between two health messages"
    )
    drain_s: float = Field(
        default=10, ge=0, le=3600, description="time to send what waits when the agent ends"
    )


class TrustTable(Table):
    """Whose bundles this station runs."""

    root: StationPath | None = Field(
        default=None, description="station folder; its trust/*.pub are the trusted keys"
    )
    keys_dir: StationPath | None = Field(
        default=None, description="folder of trusted *.pub keys, in the place of root"
    )
    allow_unsigned: bool = Field(default=False, description="true only on a test bench")

    @property
    def keys(self) -> Path | None:
        """The folder of trusted keys."""
        if self.keys_dir is not None:
            return self.keys_dir
        return None if self.root is None else self.root / "trust"


class FrameHealthTable(Table):
    """When a frame is not fit to be judged."""

    dark_mean: float = Field(
        default=4, ge=0, le=255, description="mean brightness below this is a dark frame; 0: off"
    )
    saturated_share: float = Field(
        default=0.9, gt=0, le=1, description="share of saturated pixels above this; 1: off"
    )
    frozen_frames: int = Field(
        default=2, ge=0, le=1000, description="so many equal frames are a frozen camera; 0: off"
    )

    @field_validator("frozen_frames")
    @classmethod
    def _one_frame_is_no_row(cls, count: int) -> int:
        if count == 1:
            raise ValueError("one frame always equals itself: 2 is the strictest, 0 is off")
        return count


class ChannelTable(Table):
    """What every channel has."""

    name: Identity = Field(description="name of the channel in every verdict")
    runtime: Literal["auto", "litert", "tflite_runtime", "edgetpu"] = Field(
        default="auto",
        description="what runs the network; auto: Edge TPU where a bundle has a twin",
    )
    threads: int = Field(default=1, ge=1, le=64, description="threads of the network")
    queue: int = Field(
        default=2, ge=1, le=256, description="items that may wait; a full queue drops the oldest"
    )


class ImageChannel(ChannelTable):
    """A camera and the bundle that judges its frames."""

    kind: Literal["image"]
    bundle: StationPath = Field(description="a .bundle file, or a folder DIR/bundles/NAME")
    source: ImageSource = Field(description="the camera")
    health: FrameHealthTable = Field(default=FrameHealthTable(), description="fitness of frames")


class VibrationChannel(ChannelTable):
    """A vibration sensor and the bundle that judges its readings; without one, ISO 20816-3."""

    kind: Literal["vibration"]
    bundle: StationPath | None = Field(
        default=None,
        description="a .bundle file, or a folder DIR/bundles/NAME; absent: the velocity's zone",
    )
    alarm_zone: Literal["C", "D"] = Field(
        default="D", description="without a bundle, FAIL from this zone of ISO 20816-3"
    )
    source: VibrationSource = Field(description="the sensor")
    baseline: StationPath | None = Field(
        default=None, description="this machine's own normal, from `lineside-agent baseline`"
    )
    persistence: Persistence | None = Field(
        default=None,
        description="alarm when k of the last n readings are over; absent: as the bundle says",
    )
    machine_group: MachineGroup = Field(
        default="group2-rigid", description="ISO 20816-3: size and support of the machine"
    )
    bearing: str = Field(
        default="", description="bearing of the table whose fault orders an alarm looks for"
    )

    @model_validator(mode="after")
    def _baseline_has_bundle(self) -> Self:
        if self.baseline is not None and self.bundle is None:
            raise ValueError("baseline needs bundle: zones of ISO 20816-3 have none")
        return self

    @field_validator("bearing")
    @classmethod
    def _known_bearing(cls, name: str) -> str:
        if name and name not in BEARINGS:
            raise ValueError(f"{name!r} is not one of {', '.join(sorted(BEARINGS))}")
        return name


class ProcessChannel(ChannelTable):
    """Rows of process tags and the bundle that judges them."""

    kind: Literal["tabular"]
    bundle: StationPath = Field(description="a .bundle file, or a folder DIR/bundles/NAME")
    queue: int = Field(
        default=64, ge=1, le=4096, description="rows that may wait; a full queue drops the oldest"
    )
    source: ProcessSource = Field(description="where the tags come from")
    persistence: Persistence | None = Field(
        default=None,
        description="alarm when k of the last n rows are over; absent: as the bundle says",
    )


Channel: TypeAlias = Annotated[
    ImageChannel | VibrationChannel | ProcessChannel, Field(discriminator="kind")
]


class StationConfig(Table):
    """station.toml."""

    station: StationTable = Field(description="who this station is")
    line: LineTable = Field(default=LineTable(), description="parts and deadline")
    mqtt: MqttTable | None = Field(default=None, description="the broker")
    outbox: OutboxTable = Field(default=OutboxTable(), description="what is kept until confirmed")
    trust: TrustTable = Field(default=TrustTable(), description="whose bundles are run")
    channel: list[Channel] = Field(
        min_length=1, max_length=64, description="cameras and sensors, one table each"
    )

    @model_validator(mode="after")
    def _names_differ(self) -> Self:
        names = [channel.name for channel in self.channel]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two channels are named {name!r}")
        return self

    @model_validator(mode="after")
    def _joined_parts_are_named(self) -> Self:
        """A camera that counts its own frames gives other parts' numbers after a lost frame."""
        for channel in self.channel:
            if self.line.join == "part_id" and _only_counts(channel):
                raise ValueError(
                    f'line.join = "part_id" needs sources that name their parts; channel '
                    f"{channel.name!r} ({channel.source.driver}) only counts its frames"
                )
        return self

    @model_validator(mode="after")
    def _tags_have_a_broker(self) -> Self:
        for channel in self.channel:
            source = channel.source
            if isinstance(source, TagsSource) and source.broker is None and self.mqtt is None:
                raise ValueError(
                    f"channel {channel.name!r} needs [mqtt], or [channel.source.broker]"
                )
        return self

    @model_validator(mode="after")
    def _values_settle_before_the_deadline(self) -> Self:
        for channel in self.channel:
            settle_ms = getattr(channel.source, "settle_ms", 0)
            if settle_ms >= self.line.deadline_ms:
                raise ValueError(
                    f"channel {channel.name!r} waits {settle_ms:g} ms for its values, and "
                    f"line.deadline_ms is {self.line.deadline_ms:g}: no verdict could be in time"
                )
        return self

    @property
    def client_id(self) -> str:
        """The fixed MQTT client id."""
        given = self.mqtt.client_id if self.mqtt else ""
        return given or f"lineside-{self.station.id}"


def _only_counts(channel: Channel) -> bool:
    """Whether the channel's parts have no name but their number."""
    source = channel.source
    unnamed = isinstance(source, TagsSource) and not source.part_tag
    return unnamed or source.driver in COUNTING_DRIVERS


def read_config(path: Path) -> StationConfig:
    """Read station.toml; raises ConfigError that names the key and the cure."""
    return read_toml(path, StationConfig)
