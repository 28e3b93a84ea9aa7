"""The order of births, data and deaths, by the payloads that go out."""

from __future__ import annotations

from typing import Any

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.messaging.sparkplug.node import BD_SEQ, REBIRTH, EdgeNode, Sent, device_name
from edge_agent.messaging.sparkplug.payload import SparkMetric, commands, encode
from edge_agent.messaging.sparkplug.schema import PAYLOAD, DataType
from edge_agent.messaging.sparkplug.station_metrics import DEVICE, NODE
from tests.edge_agent.messaging.adapter_kit import decided

ARMED = StateMessage(station="test", state="armed", at_ns=5_000_000)


def parsed(sent: Sent) -> Any:
    payload = PAYLOAD()
    payload.ParseFromString(sent.payload)
    return payload


def kinds(messages: list[Sent]) -> list[str]:
    return [message.topic.split("/", 2)[2] for message in messages]


def test_a_birth_names_every_metric_that_will_ever_come() -> None:
    node = EdgeNode("G", "test")
    list(node.data(decided(Verdict.FAIL)))
    births = list(node.births(7, 10))
    assert kinds(births[:2]) == ["NBIRTH/test", "DBIRTH/test/top"]
    names = [metric.name for metric in parsed(births[0]).metrics]
    assert names == [BD_SEQ, REBIRTH, *NODE]
    assert [metric.name for metric in parsed(births[1]).metrics] == list(DEVICE)
    label = next(m for m in parsed(births[1]).metrics if m.name == "Score")
    assert label.is_null


def test_every_metric_has_a_name_a_type_and_the_time_of_its_message() -> None:
    node = EdgeNode("G", "test")
    messages = [*node.births(7, 1_796_000_000_123), *node.data(decided(Verdict.FAIL))]
    for sent in messages:
        payload = parsed(sent)
        assert payload.HasField("timestamp")
        for metric in payload.metrics:
            assert metric.name
            assert metric.timestamp == payload.timestamp
            assert metric.datatype in set(DataType)
            assert not metric.HasField("alias")
            assert metric.is_null != (metric.WhichOneof("value") is not None)
    rebirth = next(m for m in parsed(messages[0]).metrics if m.name == REBIRTH)
    assert (rebirth.datatype, rebirth.boolean_value) == (DataType.BOOLEAN, False)


def test_numbers_go_round_from_the_birth_on() -> None:
    node = EdgeNode("G", "test")
    messages = list(node.births(0, 1))
    for _ in range(300):
        messages += node.data(ARMED)
    numbers = [parsed(message).seq for message in messages]
    assert numbers == [k % 256 for k in range(301)]
    again = list(node.births(1, 2))
    assert parsed(again[0]).seq == 0


def test_a_death_has_the_number_of_its_birth_and_no_seq() -> None:
    node = EdgeNode("G", "test")
    birth, death = next(node.births(9, 1)), node.death(9, 2)
    assert not parsed(death).HasField("seq")
    assert [m.long_value for m in parsed(death).metrics] == [9]
    assert parsed(birth).metrics[0].long_value == 9
    assert death.topic == "spBv1.0/G/NDEATH/test"


def test_what_came_while_nobody_was_there_is_historical() -> None:
    node = EdgeNode("G", "test")
    assert list(node.data(ARMED)) == []
    messages = list(node.births(0, 99))
    assert kinds(messages) == ["NBIRTH/test", "NDATA/test"]
    late = parsed(messages[1])
    assert all(metric.is_historical for metric in late.metrics)
    assert late.timestamp == 5
    assert not any(metric.is_historical for metric in parsed(messages[0]).metrics)


def test_a_channel_that_is_new_is_born_before_its_data() -> None:
    node = EdgeNode("G", "test")
    list(node.births(0, 1))
    first, second = list(node.data(decided(Verdict.FAIL))), list(node.data(decided(Verdict.PASS)))
    assert kinds(first) == ["NDATA/test", "DBIRTH/test/top"]
    assert kinds(second) == ["NDATA/test", "DDATA/test/top"]
    assert [parsed(sent).seq for sent in (*first, *second)] == [1, 2, 3, 4]


def test_a_command_is_read_and_rubbish_is_none() -> None:
    asked = encode([SparkMetric(REBIRTH, DataType.BOOLEAN, True, 1)], 1, None)
    assert commands(asked) == {REBIRTH: True}
    assert commands(b"\xff\xff\xff") == {}


def test_a_negative_number_is_twos_complement() -> None:
    content = encode([SparkMetric("x", DataType.INT64, -2, 1)], 1, 0)
    assert commands(content)["x"] == 2**64 - 2


def test_a_channels_name_is_one_level_of_a_topic() -> None:
    assert device_name("line/2+a#\n") == "line_2_a__"
