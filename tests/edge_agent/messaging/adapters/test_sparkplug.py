"""An edge node at a real mosquitto, as a SCADA host sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

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
from tests.edge_agent.messaging.adapter_kit import decided, station
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.station_kit import mosquitto, wait_until


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


def tell(host: Client, *, online: bool) -> bool:
    """The host's own state."""
    host.publish("spBv1.0/STATE/scada", json.dumps({"online": online, "timestamp": 1}))
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
    asked = encode([SparkMetric(REBIRTH, DataType.BOOLEAN, True, 1)], 1, None)
    with mosquitto(tmp_path / "b") as broker, Client(broker.port, "spBv1.0/#") as host:
        with node(tmp_path, broker.port):
            assert wait_until(lambda: "NBIRTH" in seen(host))
            host.publish("spBv1.0/G/NCMD/test", b"rubbish")
            host.publish("spBv1.0/G/NCMD/test", asked)
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
