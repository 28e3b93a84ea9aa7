"""The published schemas describe what is sent, and what was sent once can be read for ever."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.contracts.wire.asyncapi import FILE, asyncapi
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.messages import iso_time
from edge_agent.contracts.wire.schemas import schema_of, schemas
from edge_agent.contracts.wire.stream import topic_of
from edge_agent.contracts.wire.streams import STREAMS, outbound
from tests.edge_agent.contracts.wire.samples import SAMPLES

FOLDER = Path(__file__).parents[4] / "docs" / "schemas"
EXAMPLES = FOLDER / "examples"
"""Payloads as version 1 sends them. A file may be added; none is ever changed within a version.

STREAM.json is the first one; STREAM.FIELD.json has a field that was added later.
"""


def test_published_schemas_are_up_to_date() -> None:
    found = {path.name: path.read_text() for path in FOLDER.glob("*.json")}
    assert found == {**schemas(), FILE: asyncapi()}, (
        "run: lineside-agent schemas --out docs/schemas"
    )


@pytest.mark.parametrize("name", STREAMS)
def test_message_as_sent_meets_its_schema(name: str) -> None:
    schema = json.loads(schemas()[f"{name}.schema.json"])
    sent = json.loads(SAMPLES[name].model_dump_json(exclude_none=True))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(sent, schema)
    assert len(json.dumps(sent)) <= STREAMS[name].max_bytes


@pytest.mark.parametrize("file", sorted(path.name for path in EXAMPLES.glob("*.json")))
def test_a_payload_of_this_version_is_what_it_was(file: str) -> None:
    stream = STREAMS[file.partition(".")[0]]
    golden = json.loads((EXAMPLES / file).read_text())
    jsonschema.validate(golden, schema_of(stream))
    read = stream.message.model_validate(golden)
    sent = json.loads(read.model_dump_json(exclude_none=True))
    gone = {key: value for key, value in golden.items() if sent.get(key) != value}
    assert not gone, "a field left or changed: receivers of version 1 need it"


def test_each_kind_has_a_payload_that_guards_it() -> None:
    assert {path.name for path in EXAMPLES.glob("*.json")} >= {f"{name}.json" for name in STREAMS}


def test_schema_refuses_another_verdict() -> None:
    schema = json.loads(schemas()["verdict.schema.json"])
    sent = json.loads(SAMPLES["verdict"].model_dump_json(exclude_none=True))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(sent | {"verdict": "MAYBE"}, schema)


def test_page_on_mqtt_names_every_stream_as_it_is() -> None:
    page = (FOLDER.parent / "mqtt.md").read_text()
    rows = [line.split("|") for line in page.splitlines() if line.startswith("| `")]
    said = {row[1].strip(" `"): tuple(cell.strip() for cell in row[2:7]) for row in rows}
    word = {True: "yes", False: "no"}
    assert said == {
        s.name: (s.when, s.lane, str(s.qos), word[s.retain], f"{s.max_bytes} bytes")
        for s in outbound().values()
    }


@settings(max_examples=50)
@given(st.integers(0, 253_402_300_799 * 10**9))
def test_the_time_in_words_is_the_time_in_nanoseconds(at_ns: int) -> None:
    shown = datetime.fromisoformat(iso_time(at_ns))
    seconds, rest_ns = divmod(at_ns, 10**9)
    whole = shown.replace(microsecond=0)
    assert (whole.timestamp(), shown.microsecond) == (seconds, rest_ns // 1000)
    assert StateMessage(station="s", state="armed", at_ns=at_ns).at == ""


def test_a_copy_with_another_time_says_so_in_words_too() -> None:
    message = StateMessage(station="s", state="armed", at_ns=0)
    late = message.model_copy(update={"at_ns": 1_000_000_000})
    assert json.loads(late.model_dump_json())["at"] == "1970-01-01T00:00:01.000000Z"


def test_a_time_beyond_words_has_none() -> None:
    assert iso_time(10**30) == ""


def test_the_asyncapi_document_has_a_channel_for_each_stream() -> None:
    document = json.loads(asyncapi())
    assert set(document["channels"]) == set(STREAMS)
    for name, channel in document["channels"].items():
        assert channel["address"] == topic_of(name, "{prefix}", "{station}")
    text = json.dumps(document)
    for reference in {part.split('"')[0] for part in text.split('"$ref": "#/')[1:]}:
        place = document
        for step in reference.split("/"):
            place = place[step]
