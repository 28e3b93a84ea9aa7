"""A message fits the budget of its stream, whatever its texts are, and keeps what matters."""

from __future__ import annotations

import json

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge_agent.contracts.wire.budget import payload_of
from edge_agent.contracts.wire.kinds.state import MeasuredRuntime, RuntimeInUse, StateMessage
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict, VerdictMessage
from edge_agent.contracts.wire.schemas import schemas
from edge_agent.contracts.wire.streams import STREAMS
from tests.station_kit import verdict

EVENT = f"{'s' * 63}/{'9' * 25}/{10**17}"
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=600)


def channel(number: int, result: str = "PASS", text: str = "") -> ChannelVerdict:
    return ChannelVerdict.model_validate(
        {
            "channel": f"camera-with-a-long-name-number-{number}",
            "bundle": "caps 1.0.0",
            "verdict": result,
            "label": text,
            "reason": text,
            "score": 0.123456789,
        }
    )


def large(count: int, text: str) -> VerdictMessage:
    channels = [channel(k, "FAIL" if k == count - 1 else "PASS", text) for k in range(count)]
    return verdict(part_id=text or "p").model_copy(update={"channels": channels, "reason": text})


@settings(deadline=None, max_examples=40)
@given(count=st.integers(1, 64), text=TEXTS)
def test_verdict_fits_with_any_channels_and_texts(count: int, text: str) -> None:
    payload = payload_of(large(count, text), EVENT)
    assert len(payload) <= STREAMS["verdict"].max_bytes
    document = json.loads(payload)
    jsonschema.validate(document, json.loads(schemas()["verdict.schema.json"]))
    assert document["event_id"] == EVENT
    assert "FAIL" in {one["verdict"] for one in document["channels"]}, "the worst one is left out"
    assert len(document["channels"]) + document.get("channels_left_out", 0) == count


@pytest.mark.parametrize("character", ["\x00", "é", "\U0001f529", '"', "\\"])
def test_part_ids_of_costly_characters_fit_and_stay_apart(character: str) -> None:
    first = payload_of(verdict(part_id=character * 990 + "1"), EVENT)
    second = payload_of(verdict(part_id=character * 990 + "2"), EVENT)
    for payload in (first, second):
        assert len(payload) <= STREAMS["verdict"].max_bytes
        assert json.loads(payload)["event_id"] == EVENT
    if len(character.encode()) * 991 > STREAMS["verdict"].max_bytes or character == "\x00":
        assert json.loads(first)["part_id"] != json.loads(second)["part_id"]


def test_short_verdict_is_not_touched() -> None:
    message = verdict(part_id="é" * 300)
    assert json.loads(payload_of(message, EVENT))["part_id"] == "é" * 300


def test_part_id_that_looks_like_the_field_does_not_take_the_event_id() -> None:
    document = json.loads(payload_of(verdict(part_id='"event_id":""'), EVENT))
    assert (document["part_id"], document["event_id"]) == ('"event_id":""', EVENT)


def test_a_long_state_keeps_its_bundles_and_shortens_its_refusals_first() -> None:
    rows = [
        MeasuredRuntime(name="litert", ms=1.5, ratio=1.0),
        MeasuredRuntime(name="openvino", refused="r" * 200),
    ]
    runtime = RuntimeInUse(name="litert", version="2", measured=rows)
    message = StateMessage(
        station="s", state="armed", at_ns=1, reason="", bundles={f"{k}": "b" for k in range(64)},
        runtimes={f"{k}": runtime for k in range(64)},
    )  # fmt: skip
    payload = payload_of(message)
    found = StateMessage.model_validate_json(payload)
    assert len(payload) <= STREAMS["state"].max_bytes
    assert len(found.bundles) == len(found.runtimes) == 64
    assert found.runtimes["7"].measured[1].refused.startswith("r")


def test_state_of_64_channels_fits() -> None:
    message = StateMessage(
        station="s", state="armed", at_ns=1, reason="x" * 400,
        bundles={f"{k}{'c' * 60}": "b" * 500 for k in range(64)},
        runtimes={f"{k}{'c' * 60}": RuntimeInUse(name="n", version="1") for k in range(64)},
    )  # fmt: skip
    assert len(payload_of(message)) <= STREAMS["state"].max_bytes
