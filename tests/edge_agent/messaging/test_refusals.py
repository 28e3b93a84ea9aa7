"""A broker that accepts the station and not its messages: they stay, named, and hold up nothing.

The truth is what another client of the same mosquitto got, and what is left in the database.
"""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from edge_agent.contracts.wire.kinds.gap import GapMessage
from edge_agent.contracts.wire.kinds.state import StateMessage
from tests.edge_agent.messaging.mqtt_kit import Client, Line
from tests.edge_agent.messaging.outbox_kit import on_disk
from tests.station_kit import mosquitto, verdict, wait_until

VERDICTS = "lineside/test/verdict"
GAP = GapMessage(station="test", at_ns=1, first_seq=0, last_seq=0, dropped=1, reason="a test")
STATE = StateMessage(station="test", state="armed", at_ns=1)


def rights(folder: Path, *topics: str) -> str:
    """mosquitto.conf: everybody may read all of lineside/ and write these topics only."""
    lines = ["topic read lineside/#", *(f"topic write lineside/test/{name}" for name in topics)]
    path = folder / "rights"
    path.write_text("\n".join(lines) + "\n")
    return f"acl_file {path}"


def test_messages_that_nobody_subscribes_to_stay_until_somebody_does(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as broker, Line(tmp_path / "s", broker.port) as line:
        ids = line.put(50)
        assert line.says("verdict messages stay on disk: nobody subscribes to it")
        assert line.outbox.waiting == 50
        with Client(broker.port, VERDICTS) as plant:
            assert wait_until(lambda: line.outbox.waiting == 0, 20)
            assert wait_until(lambda: len(plant.payloads) >= 50)
            # Whoever subscribes between two refusals gets the rest of that piece first.
            came = [document["event_id"] for document in plant.documents()]
            assert sorted(came) == sorted(ids)
        assert wait_until(lambda: line.sender.faults == [])


def test_messages_that_nobody_subscribes_to_may_count_as_delivered(tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path / "broker") as broker,
        Line(tmp_path / "s", broker.port, no_subscriber="confirm") as line,
    ):
        line.put(50)
        assert wait_until(lambda: line.outbox.waiting == 0)


def test_topic_without_rights_is_paused_and_goes_on_when_the_rights_are_there(
    tmp_path: Path,
) -> None:
    broker = mosquitto(tmp_path / "broker", rights(tmp_path, "state"))
    with (
        broker,
        Line(tmp_path / "s", broker.port, reconnect_max_s=0.5) as line,
        Client(broker.port, VERDICTS) as plant,
    ):
        line.sender.publish(STATE)
        ids = line.put(300)
        # The topic is paused: a single refused message would wait for a minute.
        assert line.says("verdict messages stay on disk: not authorized")
        # mosquitto 2.0.11 ends the connection after every message that it denies.
        begun = broker.log.read_text().count("as line")
        wait_until(lambda: False, 1.5)
        assert broker.log.read_text().count("as line") - begun <= 4, "a storm of connections"
        assert plant.payloads == []
        broker.stop()
        rights(tmp_path, "state", "verdict")
        broker.start()
        assert wait_until(lambda: line.outbox.waiting == 0, 30)
        assert wait_until(lambda: len(plant.payloads) >= 300)
        assert {document["event_id"] for document in plant.documents()} == set(ids)


def test_refused_gap_message_does_not_hold_up_the_verdicts(tmp_path: Path) -> None:
    broker = mosquitto(tmp_path / "broker", rights(tmp_path, "state", "verdict"))
    with broker, Line(tmp_path / "s", broker.port) as line, Client(broker.port, VERDICTS) as plant:
        line.put(20)
        line.outbox.put(GAP)
        line.put(20)
        assert wait_until(lambda: len(plant.count()) == 40)
        assert line.says("1 refused messages stay on disk, such as gap")
        assert "another client" not in " ".join(line.sender.faults)
        assert wait_until(lambda: line.outbox.waiting == 1)
    assert [row.stream for row in on_disk(tmp_path / "s")] == ["gap"]


@pytest.mark.parametrize("limit", ["message_size_limit 600", "max_packet_size 600"])
def test_message_too_large_for_the_broker_is_set_apart_and_the_others_go_on(
    tmp_path: Path, limit: str
) -> None:
    with (
        mosquitto(tmp_path / "broker", limit) as broker,
        Client(broker.port, VERDICTS) as plant,
        Line(tmp_path / "s", broker.port) as line,
    ):
        line.put(30)
        large = line.outbox.put(verdict(part_id="x" * 700))
        line.put(30)
        assert wait_until(lambda: len({p for _, p in plant.payloads}) == 60, 30)
        epoch_seq = large.split("/", 1)[1]
        assert line.says(f"1 refused messages stay on disk, such as verdict {epoch_seq}")
        assert wait_until(lambda: line.outbox.waiting == 1)


def test_second_client_of_the_same_id_is_named_and_makes_no_storm(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as broker, Client(broker.port, VERDICTS):
        lines = [
            Line(tmp_path / name, broker.port, client_id="twice", reconnect_max_s=1.5)
            for name in ("a", "b")
        ]

        def named() -> bool:
            for line in lines:
                line.put(1)
            return any("'twice'" in " ".join(line.sender.faults) for line in lines)

        assert wait_until(named, 20)
        assert wait_until(lambda: all(line.outbox.waiting == 0 for line in lines), 30)
        for line in lines:
            line.end(0)
        connections = broker.log.read_text().count("as twice")
        assert connections <= 20, "the two throw each other out again and again"


def test_second_client_is_named_without_the_brokers_word_and_without_verdicts(
    tmp_path: Path,
) -> None:
    hasty = {"reconnect_max_s": 0.1}
    with mosquitto(tmp_path / "broker") as broker:
        lines = [
            Line(tmp_path / name, broker.port, client_id="twice", protocol="3.1.1", **hasty)
            for name in ("a", "b")
        ]
        for line in lines:
            line.sender.publish(STATE)
        assert wait_until(lambda: any("'twice'" in " ".join(x.sender.faults) for x in lines), 30)
        for line in lines:
            line.end(0)


def test_refusals_write_a_bounded_number_of_log_lines(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    broker = mosquitto(tmp_path / "broker", rights(tmp_path, "state"))
    with broker, Line(tmp_path / "s", broker.port) as line:
        for _ in range(30):
            line.put(20)
            line.sender.publish(STATE)
            wait_until(lambda: False, 0.02)
        assert line.outbox.waiting == 600
    assert len(caplog.records) <= 6, [record.message for record in caplog.records]


def test_station_without_retained_messages_at_the_broker_still_reports(tmp_path: Path) -> None:
    for protocol in ("5", "3.1.1"):
        with (
            mosquitto(tmp_path / protocol, "retain_available false") as broker,
            Client(broker.port, "lineside/test/#") as plant,
            Line(tmp_path / f"s{protocol}", broker.port, protocol=protocol) as line,
        ):
            line.sender.publish(STATE)
            line.put(10)
            assert wait_until(lambda p=plant: len(p.payloads) >= 11, 20), protocol
            assert wait_until(lambda one=line: one.outbox.waiting == 0)


CLOSES = "max_queued_messages 0"
"""With it mosquitto 2.0 acknowledges a forbidden message of MQTT 3.1.1, and hangs up."""
ACKNOWLEDGES = "max_queued_messages 1000"
"""With it mosquitto acknowledges every one, and throws all of them away."""


def test_acknowledgement_that_ends_the_connection_confirms_nothing(tmp_path: Path) -> None:
    broker = mosquitto(tmp_path / "broker", f"{rights(tmp_path, 'state')}\n{CLOSES}")
    with broker, Line(tmp_path / "s", broker.port, protocol="3.1.1") as line:
        line.put(60)
        assert line.says("1 refused messages stay on disk")
        assert line.says("the connection breaks on it")
        assert (line.outbox.waiting, line.sender.confirmed) == (60, 0)


@pytest.mark.parametrize("mode", [CLOSES, ACKNOWLEDGES])
def test_receiver_that_gets_nothing_confirms_nothing(tmp_path: Path, mode: str) -> None:
    keys = {"protocol": "3.1.1", "ack": "application", "ack_timeout_s": 0.2}
    broker = mosquitto(tmp_path / "broker", f"{rights(tmp_path, 'state')}\n{mode}")
    with broker, Line(tmp_path / "s", broker.port, **keys) as line:
        line.put(60)
        told = "no receiver confirms" if mode == ACKNOWLEDGES else "the connection breaks on it"
        assert line.says(told)
        assert (line.outbox.waiting, line.sender.confirmed) == (60, 0)


def test_state_warns_where_nobody_can_say_that_verdicts_arrive(tmp_path: Path) -> None:
    broker = mosquitto(tmp_path / "broker", f"{rights(tmp_path, 'state')}\n{ACKNOWLEDGES}")
    with broker, Line(tmp_path / "s", broker.port, protocol="3.1.1") as line:
        assert line.says("acknowledges what it refuses, too; set mqtt.protocol")
    with broker, Line(tmp_path / "s", broker.port, protocol="5") as line:
        line.put(1)
        assert line.says("not authorized")
        assert "acknowledges" not in " ".join(line.sender.faults)
