"""The published schemas describe what is sent."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from edge_agent.contracts.wire.kinds.ack import AckMessage
from edge_agent.contracts.wire.kinds.gap import GapMessage
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.schemas import schemas
from edge_agent.contracts.wire.streams import outbound
from tests.station_kit import HEALTH, verdict

FOLDER = Path(__file__).parents[4] / "docs" / "schemas"

MESSAGES = {
    "verdict": verdict("test/1/0"),
    "gap": GapMessage(
        station="a", event_id="a/1/9", at_ns=1, first_seq=2, last_seq=8, dropped=7, reason="full"
    ),
    "state": StateMessage(station="a", state="armed", at_ns=1),
    "health": HEALTH,
    "ack": AckMessage(event_ids=["a/1/0"]),
}


def test_published_schemas_are_up_to_date() -> None:
    found = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    assert found == schemas(), "run: lineside-agent schemas --out docs/schemas"


@pytest.mark.parametrize("name", MESSAGES)
def test_message_as_sent_meets_its_schema(name: str) -> None:
    schema = json.loads(schemas()[f"{name}.schema.json"])
    sent = json.loads(MESSAGES[name].model_dump_json(exclude_none=True))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(sent, schema)


def test_schema_refuses_another_verdict() -> None:
    schema = json.loads(schemas()["verdict.schema.json"])
    sent = json.loads(MESSAGES["verdict"].model_dump_json(exclude_none=True))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(sent | {"verdict": "MAYBE"}, schema)


def test_page_on_mqtt_names_every_stream_as_it_is() -> None:
    page = (FOLDER.parent / "mqtt.md").read_text()
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    said = {
        row[1].strip(" `"): tuple(cell.strip() for cell in (row[3], row[4], row[5], row[6]))
        for row in rows
    }
    word = {True: "yes", False: "no"}
    assert said == {
        s.name: (str(s.qos), word[s.retain], word[s.durable], f"{s.max_bytes} bytes")
        for s in outbound().values()
    }
