"""The messages of a station as metrics of Sparkplug: the station is a node, a channel a device."""

from __future__ import annotations

from edge_agent.contracts.wire.kinds.condition import ConditionMessage
from edge_agent.contracts.wire.kinds.health import HealthMessage
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict, VerdictMessage
from edge_agent.contracts.wire.streams import Outbound
from edge_agent.messaging.sparkplug.payload import SparkMetric, Value
from edge_agent.messaging.sparkplug.schema import DataType

NODE: dict[str, DataType] = {
    "State": DataType.STRING,
    "Reason": DataType.STRING,
    "Part/Id": DataType.STRING,
    "Part/Verdict": DataType.STRING,
    "Part/Action": DataType.STRING,
    "Part/Latency ms": DataType.DOUBLE,
    "Counts/Parts": DataType.UINT64,
    "Counts/PASS": DataType.UINT64,
    "Counts/FAIL": DataType.UINT64,
    "Counts/NO-VERDICT": DataType.UINT64,
    "Unconfirmed messages": DataType.UINT64,
}
"""Every metric of the node: a birth certificate names all of them."""
DEVICE: dict[str, DataType] = {
    "Verdict": DataType.STRING,
    "Label": DataType.STRING,
    "Score": DataType.DOUBLE,
    "Threshold": DataType.DOUBLE,
    "Bundle": DataType.STRING,
    "Condition/Zone": DataType.STRING,
    "Condition/Velocity mm_s": DataType.DOUBLE,
    "Condition/Trend mm_s per h": DataType.DOUBLE,
}


def node_values(message: Outbound) -> dict[str, Value]:
    """What a message says of the node."""
    if isinstance(message, StateMessage):
        return {"State": message.state, "Reason": message.reason}
    if isinstance(message, HealthMessage):
        return {
            "Counts/Parts": message.parts,
            "Counts/PASS": message.passed,
            "Counts/FAIL": message.failed,
            "Counts/NO-VERDICT": message.no_verdict,
            "Unconfirmed messages": message.outbox_waiting,
        }
    if isinstance(message, VerdictMessage):
        return {
            "Part/Id": message.part_id,
            "Part/Verdict": message.verdict.value,
            "Part/Action": message.action,
            "Part/Latency ms": message.latency_ms,
        }
    return {}


def device_values(message: Outbound) -> dict[str, dict[str, Value]]:
    """Device -> what a message says of it."""
    if isinstance(message, VerdictMessage):
        return {one.channel: _channel(one) for one in message.channels}
    if isinstance(message, ConditionMessage):
        return {
            message.channel: {
                "Condition/Zone": message.zone,
                "Condition/Velocity mm_s": message.rms_mm_s,
                "Condition/Trend mm_s per h": message.trend_mm_s_per_h,
            }
        }
    return {}


def metrics_of(
    values: dict[str, Value], kinds: dict[str, DataType], at_ms: int
) -> list[SparkMetric]:
    """Values as metrics, in the order of their table."""
    return [
        SparkMetric(name, kind, values[name], at_ms)
        for name, kind in kinds.items()
        if name in values
    ]


def _channel(one: ChannelVerdict) -> dict[str, Value]:
    return {
        "Verdict": one.verdict.value,
        "Label": one.label,
        "Score": one.score,
        "Threshold": one.threshold,
        "Bundle": one.bundle,
    }
