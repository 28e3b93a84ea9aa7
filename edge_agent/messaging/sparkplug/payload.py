"""Metrics and payloads of Sparkplug B, to bytes and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from google.protobuf.message import DecodeError

from edge_agent.messaging.sparkplug.schema import PAYLOAD, DataType

Value: TypeAlias = bool | int | float | str | None


@dataclass(frozen=True)
class SparkMetric:
    """One metric. at_ms: UTC, milliseconds since 1970."""

    name: str
    kind: DataType
    value: Value
    at_ms: int


def encode(
    metrics: Iterable[SparkMetric], at_ms: int, seq: int | None, *, historical: bool = False
) -> bytes:
    """A payload. seq: 0 to 255; None for NDEATH, which has none. historical: not present values."""
    payload = PAYLOAD()
    payload.timestamp = at_ms
    if seq is not None:
        payload.seq = seq
    for metric in metrics:
        one = payload.metrics.add()
        one.name, one.timestamp, one.datatype = metric.name, metric.at_ms, metric.kind
        if historical:
            one.is_historical = True
        _set(one, metric)
    content: bytes = payload.SerializeToString()
    return content


def commands(content: bytes) -> dict[str, Value]:
    """The metrics of an NCMD, by name; empty for what is no payload."""
    payload = PAYLOAD()
    try:
        payload.ParseFromString(content)
    except DecodeError:
        return {}
    found: dict[str, Value] = {}
    for one in payload.metrics:
        field = one.WhichOneof("value")
        found[one.name] = getattr(one, field) if field else None
    return found


def _set(one: object, metric: SparkMetric) -> None:
    """The value in the field of its type; integers as two's complement (section 6.4.16)."""
    if metric.value is None:
        setattr(one, "is_null", True)  # noqa: B010
        return
    value = metric.value
    if metric.kind == DataType.INT64:
        value = int(value) & 0xFFFF_FFFF_FFFF_FFFF
    setattr(one, FIELDS[metric.kind], value)


FIELDS = {
    DataType.INT64: "long_value",
    DataType.UINT64: "long_value",
    DataType.DATE_TIME: "long_value",
    DataType.DOUBLE: "double_value",
    DataType.BOOLEAN: "boolean_value",
    DataType.STRING: "string_value",
}
