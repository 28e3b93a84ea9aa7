"""The JSON Schemas of everything a station says or hears over MQTT, generated from the models."""

from __future__ import annotations

import json

from edge_agent.contracts.wire.messages import AckMessage
from edge_agent.contracts.wire.streams import STREAMS


def schemas() -> dict[str, str]:
    """File name -> JSON Schema (draft 2020-12)."""
    models = {name: stream.message for name, stream in STREAMS.items()} | {"ack": AckMessage}
    return {
        f"{name}.schema.json": json.dumps(
            {"$schema": "https://json-schema.org/draft/2020-12/schema"}
            | model.model_json_schema(mode="validation"),
            indent=1,
        )
        + "\n"
        for name, model in models.items()
    }
