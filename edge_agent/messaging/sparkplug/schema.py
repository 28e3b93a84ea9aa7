"""The payload of Sparkplug B as protobuf, as far as an edge node needs it.

Field numbers and types as the Sparkplug 3.0.0 specification publishes them (section 6.4.1, "Google
Protocol Buffer Schema"). Fields that are left out are skipped by protobuf when they come.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

PACKAGE = "org.eclipse.tahu.protobuf"
FIELD = descriptor_pb2.FieldDescriptorProto
METRIC_FIELDS = (
    ("name", 1, FIELD.TYPE_STRING),
    ("alias", 2, FIELD.TYPE_UINT64),
    ("timestamp", 3, FIELD.TYPE_UINT64),
    ("datatype", 4, FIELD.TYPE_UINT32),
    ("is_historical", 5, FIELD.TYPE_BOOL),
    ("is_transient", 6, FIELD.TYPE_BOOL),
    ("is_null", 7, FIELD.TYPE_BOOL),
)
VALUE_FIELDS = (
    ("int_value", 10, FIELD.TYPE_UINT32),
    ("long_value", 11, FIELD.TYPE_UINT64),
    ("float_value", 12, FIELD.TYPE_FLOAT),
    ("double_value", 13, FIELD.TYPE_DOUBLE),
    ("boolean_value", 14, FIELD.TYPE_BOOL),
    ("string_value", 15, FIELD.TYPE_STRING),
    ("bytes_value", 16, FIELD.TYPE_BYTES),
)


class DataType(IntEnum):
    """The types of metrics that a station has (section 6.4.16)."""

    INT64 = 4
    UINT64 = 8
    DOUBLE = 10
    BOOLEAN = 11
    STRING = 12
    DATE_TIME = 13


def _payload_class() -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="lineside/sparkplug_b.proto", package=PACKAGE, syntax="proto2"
    )
    payload = file.message_type.add(name="Payload")
    metric = payload.nested_type.add(name="Metric")
    for name, number, kind in METRIC_FIELDS:
        metric.field.add(name=name, number=number, type=kind, label=FIELD.LABEL_OPTIONAL)
    metric.oneof_decl.add(name="value")
    for name, number, kind in VALUE_FIELDS:
        metric.field.add(
            name=name, number=number, type=kind, label=FIELD.LABEL_OPTIONAL, oneof_index=0
        )
    for name, number, kind in (
        ("timestamp", 1, FIELD.TYPE_UINT64),
        ("seq", 3, FIELD.TYPE_UINT64),
        ("uuid", 4, FIELD.TYPE_STRING),
        ("body", 5, FIELD.TYPE_BYTES),
    ):
        payload.field.add(name=name, number=number, type=kind, label=FIELD.LABEL_OPTIONAL)
    payload.field.add(
        name="metrics",
        number=2,
        type=FIELD.TYPE_MESSAGE,
        type_name=f".{PACKAGE}.Payload.Metric",
        label=FIELD.LABEL_REPEATED,
    )
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.Payload"))


PAYLOAD = _payload_class()
"""The protobuf class of a payload, in a pool of its own."""
