"""The tables of station.toml that reporting obeys: [mqtt] and [outbox]."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.broker.config import BrokerTable
from edge_agent.settings.toml import Table


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
    no_subscriber: Literal["keep", "confirm"] = Field(
        default="keep",
        description="a message that the broker took and nobody subscribes to: keep it, or not",
    )

    def client_id_of(self, station: str) -> str:
        """The fixed MQTT client id of a station."""
        return self.client_id or f"lineside-{station}"


class TelemetryTable(Table):
    """What is told of machines and parts besides verdicts; it is thinned where room is short."""

    condition_every_s: float = Field(
        default=15,
        ge=0,
        le=86400,
        description="a machine's condition, and at once where its zone is worse than the one told "
        "last; 0: never",
    )
    part_every_s: float = Field(
        default=15, ge=0, le=86400, description="values of a process channel's row; 0: never"
    )
    metrics_every_s: float = Field(
        default=60, ge=0, le=86400, description="what the computer has left; 0: never"
    )


class OutboxTable(Table):
    """What is kept on disk until it is confirmed."""

    quota_mb: float = Field(
        default=64, ge=0.25, le=1_000_000, description="verdicts beyond this are counted, not kept"
    )
    hand_over: int = Field(
        default=16384, ge=16, le=1_000_000, description="messages that may wait for the disk"
    )
    gather_ms: float = Field(
        default=500,
        ge=0,
        le=10_000,
        description="between two writes to the disk at least; what comes meanwhile is written in "
        "one piece. 0: each message at once, which wears out a memory card some times faster",
    )
