"""`check` finds what a running station would meet: rights, retained messages, MQTT 3.1.1."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.contracts.core.check_result import CheckResult
from edge_agent.contracts.wire.streams import outbound
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.probe import probe_broker
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.station_kit import mosquitto

TOPICS = tuple(outbound())
WRITE = "".join(f"topic write lineside/st1/{name}\n" for name in TOPICS)


def probe(tmp_path: Path, extra: str, acl: str = "", **keys: object) -> dict[str, CheckResult]:
    """What -> finding, against a mosquitto with these lines and rights."""
    if acl:
        (tmp_path / "acl").write_text(acl)
        extra = f"{extra}\nacl_file {tmp_path / 'acl'}"
    with mosquitto(tmp_path / "broker", extra) as broker:
        table = MqttTable.model_validate({"host": "127.0.0.1", "port": broker.port, **keys})
        found = probe_broker(table, "st1", "lineside-st1")
    return {finding.what: finding for finding in found}


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_open_broker_takes_every_topic(tmp_path: Path, protocol: str) -> None:
    found = probe(tmp_path, "", protocol=protocol)
    for name in TOPICS:
        assert found[f"topic {name}"].grade == "OK"
        assert "taken and delivered" in found[f"topic {name}"].detail
    assert found["broker keeps the state"].grade == "OK"
    assert ("confirmations" in found) == (protocol == "3.1.1")


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_broker_that_takes_nothing_of_ours_fails_by_topic(tmp_path: Path, protocol: str) -> None:
    found = probe(tmp_path, "", "topic read #\n", protocol=protocol)
    for name in TOPICS:
        assert found[f"topic {name}"].grade == "FAIL"
        assert f"right to write lineside/st1/{name}" in found[f"topic {name}"].cure


def test_one_refused_topic_is_named(tmp_path: Path) -> None:
    acl = "topic read #\n" + WRITE.replace("topic write lineside/st1/gap\n", "")
    found = probe(tmp_path, "", acl)
    grades = {what: finding.grade for what, finding in found.items() if what.startswith("topic")}
    assert grades == {f"topic {name}": "FAIL" if name == "gap" else "OK" for name in TOPICS}


def test_rights_on_the_topics_of_the_streams_alone_are_enough(tmp_path: Path) -> None:
    found = probe(tmp_path, "", WRITE)
    assert {finding.grade for finding in found.values()} <= {"OK", "UNKNOWN"}
    assert "may not write below" in found["broker keeps a session"].detail


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_broker_without_retained_messages_is_a_warning(tmp_path: Path, protocol: str) -> None:
    found = probe(tmp_path, "retain_available false", protocol=protocol)
    assert found["broker keeps the state"].grade == "WARN"
    assert "allow retained messages" in found["broker keeps the state"].cure
    assert found["topic verdict"].grade == "OK"


def test_confirmations_of_a_receiver_need_the_right_to_read_them(tmp_path: Path) -> None:
    found = probe(tmp_path, "", ack="application")
    assert found["confirmations"].grade == "OK"


def test_password_that_others_can_read_is_a_warning(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("word\n")
    secret.chmod(0o644)
    found = probe(tmp_path, "", username="a", password_file=secret)
    assert "chmod 600" in found["broker secrets"].cure


def test_check_leaves_nothing_behind_and_receivers_can_tell_it(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as broker:
        table = MqttTable.model_validate({"host": "127.0.0.1", "port": broker.port})
        with Client(broker.port, *(f"lineside/st1/{n}" for n in ("verdict", "state"))) as plant:
            probe_broker(table, "st1", "lineside-st1")
            assert {document["kind"] for document in plant.documents()} == {"check"}
        with Client(broker.port, "lineside/#") as later:
            assert [json.loads(payload) for _, payload in later.payloads] == []


def test_secrets_are_looked_at_although_the_broker_is_away(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("word\n")
    secret.chmod(0o644)
    table = MqttTable(host="127.0.0.1", port=1, username="a", password_file=secret)
    found = probe_broker(table, "demo", "lineside-demo")
    assert [(one.what, one.grade) for one in found] == [
        ("broker password", "WARN"),
        ("broker secrets", "WARN"),
        ("broker reachable", "FAIL"),
    ]
