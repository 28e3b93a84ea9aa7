"""The JSON Schemas of every message on MQTT, generated from the stream table."""

from __future__ import annotations

import json
from typing import Any

from edge_agent.contracts.wire.stream import Stream
from edge_agent.contracts.wire.streams import STREAMS


def schemas() -> dict[str, str]:
    """File name -> JSON Schema (draft 2020-12)."""
    return {
        f"{name}.schema.json": json.dumps(schema_of(stream), indent=1) + "\n"
        for name, stream in STREAMS.items()
    }


def schema_of(stream: Stream) -> dict[str, Any]:
    """The JSON Schema of a stream's messages as they are on the wire."""
    schema = stream.message.model_json_schema(mode="validation")
    if "at" in schema["properties"]:
        schema["properties"]["at"].pop("default")
    if stream.durable:
        # The class has a default, for a message that is not numbered yet; on the wire all are.
        schema["properties"]["event_id"].pop("default")
        schema["required"] = [*schema["required"], "event_id"]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema
