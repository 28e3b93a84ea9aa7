"""A station for adapters, and verdicts of every kind."""

from __future__ import annotations

from pathlib import Path

from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict, VerdictMessage
from edge_agent.decide.causes import cause
from edge_agent.messaging.adapter import AdapterStation
from edge_agent.messaging.config import MqttTable


def station(
    name: str = "test", port: int | None = None, folder: Path = Path("/nonexistent")
) -> AdapterStation:
    """A station; port: of its broker on this machine; folder: its state."""
    mqtt = None if port is None else MqttTable(host="127.0.0.1", port=port)
    return AdapterStation(name, "1.2.3", mqtt, cause, folder, SystemClock())


def decided(
    verdict: Verdict,
    *,
    label: str = "",
    reason: str = "",
    latency_ms: float = 30,
    late_fail: bool = False,
) -> VerdictMessage:
    """The verdict of the channel `top` on a part."""
    channel = ChannelVerdict(
        channel="top", bundle="caps 1.0.0", verdict=verdict, label=label, reason=reason
    )
    return VerdictMessage(
        station="test",
        at_ns=1,
        part_id="p",
        verdict=verdict,
        action="accept" if verdict == Verdict.PASS else "reject",
        latency_ms=latency_ms,
        deadline_ms=200,
        channels=[channel],
        late_fail=True if late_fail else None,
    )
