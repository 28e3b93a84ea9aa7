"""The AsyncAPI 3 document of a station, generated from the stream table (asyncapi.com/docs)."""

from __future__ import annotations

import json
from typing import Any

from edge_agent.contracts.core.own_version import own_version
from edge_agent.contracts.wire.schemas import schema_of
from edge_agent.contracts.wire.stream import Stream
from edge_agent.contracts.wire.streams import STREAMS

FILE = "asyncapi.json"
MQTT_BINDING = "0.2.0"
LANES = {
    "results": "never lost, sent before everything else",
    "telemetry": "thinned to one in 10 s and 60 s before it is dropped",
    "latest": "only the newest one counts",
    "inbound": "from a receiver to the station",
}


def asyncapi() -> str:
    """The document as JSON: a channel, an operation and a message for each stream."""
    schemas: dict[str, Any] = {}
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Lineside station",
            "version": own_version(),
            "description": "What an inspection station publishes on MQTT, and what it listens to.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {name: _channel(stream) for name, stream in STREAMS.items()},
        "operations": {name: _operation(stream) for name, stream in STREAMS.items()},
        "components": {
            "messages": {name: _message(stream, schemas) for name, stream in STREAMS.items()},
            "schemas": schemas,
        },
    }
    return json.dumps(document, indent=1) + "\n"


def _channel(stream: Stream) -> dict[str, Any]:
    return {
        "address": "{prefix}/{station}/" + stream.name,
        "description": f"{stream.when}; {LANES[stream.lane]}",
        "parameters": {
            "prefix": {"description": "mqtt.topic_prefix of station.toml", "default": "lineside"},
            "station": {"description": "station.id of station.toml"},
        },
        "messages": {stream.name: {"$ref": f"#/components/messages/{stream.name}"}},
    }


def _operation(stream: Stream) -> dict[str, Any]:
    place = f"#/channels/{stream.name}"
    binding = {"qos": stream.qos, "retain": stream.retain, "bindingVersion": MQTT_BINDING}
    return {
        "action": "receive" if stream.lane == "inbound" else "send",
        "channel": {"$ref": place},
        "messages": [{"$ref": f"{place}/messages/{stream.name}"}],
        "bindings": {"mqtt": binding},
    }


def _message(stream: Stream, schemas: dict[str, Any]) -> dict[str, Any]:
    """The message of a stream; its schema and what that refers to go into `schemas`."""
    schema = schema_of(stream)
    del schema["$schema"]
    for name, part in schema.pop("$defs", {}).items():
        schemas[name] = _draft_7(part)
    schemas[stream.message.__name__] = _draft_7(schema)
    doc = (stream.message.__doc__ or "").strip().split("\n")[0]
    return {
        "name": stream.name,
        "title": doc,
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{stream.message.__name__}"},
        "x-lane": stream.lane,
        "x-max-bytes": stream.max_bytes,
        "x-stale-after-s": stream.stale_after_s,
        "x-period-s": stream.period_s,
        "x-schema-version": stream.version,
    }


def _draft_7(schema: Any) -> Any:
    """A schema in the words of AsyncAPI's own, which are those of draft 7."""
    if isinstance(schema, list):
        return [_draft_7(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: _draft_7(part) for key, part in schema.items()}
    if "prefixItems" in found:
        found["items"] = found.pop("prefixItems")
    if str(found.get("$ref", "")).startswith("#/$defs/"):
        found["$ref"] = found["$ref"].replace("#/$defs/", "#/components/schemas/")
    return found
