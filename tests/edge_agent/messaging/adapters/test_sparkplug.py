"""An edge node at a real mosquitto, as a SCADA host sees it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from pydantic import ValidationError

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.types import Verdict
from edge_agent.messaging.adapter import Delivery
from edge_agent.messaging.adapters.sparkplug import (
    SparkplugAdapter,
    SparkplugTable,
    is_online,
    next_bd_seq,
)
from edge_agent.messaging.sparkplug.node import REBIRTH
from edge_agent.messaging.sparkplug.payload import SparkMetric, encode
from edge_agent.messaging.sparkplug.schema import PAYLOAD, DataType
from edge_agent.station.config import read_config
from tests.edge_agent.messaging.adapter_kit import decided, station
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.station_kit import mosquitto, wait_until

ASK_REBIRTH = encode([SparkMetric(REBIRTH, DataType.BOOLEAN, True, 1)], 1, None)


@contextmanager
def node(folder: Path, port: int, **keys: object) -> Iterator[SparkplugAdapter]:
    table = SparkplugTable.model_validate({"driver": "sparkplug", "group": "G", **keys})
    adapter = SparkplugAdapter(table, station(port=port, folder=folder), retry_s=0.1)
    adapter.open(Delivery)
    try:
        yield adapter
    finally:
        adapter.close()
        adapter.close()


def seen(client: Client) -> list[str]:
    return [topic.split("/")[2] for topic, _ in list(client.payloads)]


def tell(host: Client, *, online: bool, at_ms: int = 1) -> bool:
    """The host's own state."""
    host.publish("spBv1.0/STATE/scada", json.dumps({"online": online, "timestamp": at_ms}))
    return True


def bd_seq(client: Client, kind: str) -> list[int]:
    found = []
    for topic, content in list(client.payloads):
        if f"/{kind}/" in topic:
            payload: Any = PAYLOAD()
            payload.ParseFromString(content)
            found += [m.long_value for m in payload.metrics if m.name == "bdSeq"]
    return found


def test_a_node_is_born_tells_and_dies_in_order(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "b") as broker, Client(broker.port, "spBv1.0/#") as host:
        with node(tmp_path, broker.port) as adapter:
            assert wait_until(lambda: "NBIRTH" in seen(host))
            adapter.publish(decided(Verdict.FAIL))
            adapter.publish(decided(Verdict.PASS))
            assert wait_until(lambda: "DDATA" in seen(host))
        assert wait_until(lambda: "NDEATH" in seen(host))
        assert seen(host) == ["NBIRTH", "NDATA", "DBIRTH", "NDATA", "DDATA", "NDEATH"]
        with node(tmp_path, broker.port):
            assert wait_until(lambda: len(bd_seq(host, "NBIRTH")) == 2)
        assert bd_seq(host, "NBIRTH") == [0, 1]
        assert bd_seq(host, "NDEATH")[0] == 0


def test_a_host_may_ask_for_a_new_birth(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "b") as broker, Client(broker.port, "spBv1.0/#") as host:
        with node(tmp_path, broker.port):
            assert wait_until(lambda: "NBIRTH" in seen(host))
            host.publish("spBv1.0/G/NCMD/test", b"rubbish")
            host.publish("spBv1.0/G/NCMD/test", ASK_REBIRTH)
            assert wait_until(lambda: seen(host).count("NBIRTH") == 2)
        assert bd_seq(host, "NBIRTH") == [0, 0]


def test_a_node_waits_for_its_primary_host(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "b") as broker, Client(broker.port, "spBv1.0/#") as host:
        with node(tmp_path, broker.port, primary_host="scada") as adapter:
            adapter.publish(decided(Verdict.FAIL))
            tell(host, online=False)
            # A real host's state is retained; here it is told until the node has subscribed.
            assert wait_until(lambda: tell(host, online=True) and "NBIRTH" in seen(host))
            tell(host, online=False)
            assert wait_until(lambda: "NDEATH" in seen(host))
        born = seen(host).index("NBIRTH")
        assert set(seen(host)[:born]) == {"scada"}


def test_an_old_word_of_the_host_is_no_news(tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path / "b") as broker,
        Client(broker.port, "spBv1.0/#") as host,
        node(tmp_path, broker.port, primary_host="scada"),
    ):
        assert wait_until(lambda: tell(host, online=True, at_ms=9) and "NBIRTH" in seen(host))
        tell(host, online=False, at_ms=8)
        host.publish("spBv1.0/G/NCMD/test", ASK_REBIRTH)
        assert wait_until(lambda: seen(host).count("NBIRTH") == 2)
        assert "NDEATH" not in seen(host)
        tell(host, online=False, at_ms=10)
        assert wait_until(lambda: "NDEATH" in seen(host))


def test_messages_have_the_marks_of_the_specification_on_the_wire(tmp_path: Path) -> None:
    """QoS 0 and not retained; the will, which the broker sends for a dead node, has QoS 1."""
    marks: list[tuple[str, int, bool]] = []
    with mosquitto(tmp_path / "b") as broker, Client(broker.port) as host:
        plant = paho.Client(CallbackAPIVersion.VERSION2, client_id="plant")
        plant.on_connect = lambda client, *_: client.subscribe("spBv1.0/#", qos=1)
        plant.on_message = lambda _c, _u, m: marks.append((m.topic.split("/")[2], m.qos, m.retain))
        plant.connect("127.0.0.1", broker.port)
        plant.loop_start()

        def arrives() -> bool:
            host.publish("spBv1.0/G/TRY/x", b"there")
            return bool(marks)

        assert wait_until(arrives)
        with node(tmp_path, broker.port) as adapter:
            assert wait_until(lambda: "NBIRTH" in {kind for kind, _, _ in marks})
            adapter.publish(decided(Verdict.FAIL))
            adapter.publish(decided(Verdict.PASS))
            assert wait_until(lambda: "DDATA" in {kind for kind, _, _ in marks})
            link = adapter._client.socket() if adapter._client else None
            assert isinstance(link, socket.socket)
            link.shutdown(socket.SHUT_RDWR)
            assert wait_until(lambda: [kind for kind, _, _ in marks].count("NBIRTH") == 2)
        plant.disconnect()
        plant.loop_stop()
    of_node = [mark for mark in marks if mark[0] != "TRY"]
    assert {mark[1:] for mark in of_node if mark[0] != "NDEATH"} == {(0, False)}
    assert next(mark[1:] for mark in of_node if mark[0] == "NDEATH") == (1, False)


@pytest.mark.parametrize(
    "text", [b"", b"[]", b'{"online": 1}', b'{"online": false}', b"\xff", b"[" * 99_999]
)
def test_only_a_clear_word_says_that_a_host_is_online(text: bytes) -> None:
    assert not is_online(text)


def test_the_number_of_a_session_outlives_the_agent_and_goes_round(tmp_path: Path) -> None:
    path = tmp_path / "sparkplug.json"
    assert [next_bd_seq(path) for _ in range(3)] == [0, 1, 2]
    path.write_text(json.dumps({"bdSeq": 255}))
    assert next_bd_seq(path) == 0
    for damaged in ("{", "[" * 99_999, '{"bdSeq": 1e999}', '{"bdSeq": [1]}'):
        path.write_text(damaged)
        assert next_bd_seq(path) == 0


def test_without_a_broker_the_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Sparkplug needs"):
        SparkplugAdapter(SparkplugTable(driver="sparkplug"), station(folder=tmp_path))


@pytest.mark.parametrize("name", ["a+b", "a/b", "a#", "", "a\x00"])
def test_a_name_that_is_no_level_of_a_topic_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match="group"):
        SparkplugTable.model_validate({"driver": "sparkplug", "group": name})
    table = f'[station]\nid = "{name.encode("unicode_escape").decode()}"\n'
    (tmp_path / "station.toml").write_text(table.replace("\\x00", "\\u0000"))
    with pytest.raises(ConfigError, match="id"):
        read_config(tmp_path / "station.toml")
