"""Confirmations come from outside: only what was sent and waits for one is affected by them."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from edge_agent.messaging.mqtt.acks import read_ack
from tests.edge_agent.messaging.mqtt_kit import Client, Line
from tests.edge_agent.messaging.outbox_kit import on_disk, verdicts_of
from tests.station_kit import mosquitto, wait_until

ACK = "lineside/test/ack"
VERDICTS = "lineside/test/verdict"

RUBBISH = {
    "number beyond 64 bits": f'{{"event_ids": ["test/1/{1 << 63}"]}}',
    "number beyond any float": f'{{"event_ids": ["test/{"9" * 400}/1"]}}',
    "negative": '{"event_ids": ["test/1/-1"]}',
    "digits of another script": '{"event_ids": ["test/١/٢"]}',
    "other station": '{"event_ids": ["other/1/1"]}',
    "too few parts": '{"event_ids": ["x"]}',
    "no text": '{"event_ids": [1]}',
    "no list": '{"event_ids": "test/1/1"}',
    "too many": json.dumps({"event_ids": ["test/1/1"] * 10_001}),
    "no JSON": "\x00\xff",
    "empty": "",
    "deep": "[" * 50_000,
    "another kind": '{"kind": "verdict", "event_ids": []}',
    "through beyond": f'{{"through": ["test/1/{1 << 63}"]}}',
}


@pytest.mark.parametrize("payload", RUBBISH.values(), ids=RUBBISH.keys())
def test_rubbish_confirms_nothing(payload: str) -> None:
    ack = read_ack(payload.encode("utf-8", "surrogatepass"), "test")
    assert ack is None or (ack.keys, ack.through) == ([], [])


def test_hostile_confirmations_change_nothing_and_write_one_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with (
        mosquitto(tmp_path / "broker") as broker,
        Client(broker.port, VERDICTS) as plant,
        Line(tmp_path / "s", broker.port, ack="application") as line,
        Client(broker.port) as stranger,
    ):
        ids = line.put(50)
        assert wait_until(lambda: len(plant.payloads) == 50)
        epoch = line.outbox.epoch
        for payload in RUBBISH.values():
            for _ in range(20):
                stranger.publish(ACK, payload.encode("utf-8", "surrogatepass"), qos=0)
        stranger.publish(ACK, b'{"event_ids": ["' + b"y" * 3_000_000 + b'"]}', qos=0)
        ahead = [f"test/{epoch}/{k}" for k in range(50, 5000)]
        stranger.publish(ACK, json.dumps({"event_ids": ahead}))
        stranger.publish(ACK, json.dumps({"event_ids": [f"test/1/{k}" for k in range(5000)]}))
        ids += line.put(50)
        assert wait_until(lambda: len(plant.payloads) >= 100)
        assert line.sender.confirmed == 0
        assert line.outbox.waiting == 100
        stranger.publish(ACK, json.dumps({"event_ids": ids[:60]}))
        stranger.publish(ACK, json.dumps({"through": [ids[79]]}))
        assert wait_until(lambda: line.outbox.waiting == 20)
        assert line.sender.confirmed == 80
        assert line.outbox.fault == ""
    assert verdicts_of(on_disk(tmp_path / "s")) == ids[80:]
    lines = [record for record in caplog.records if "confirmation" in record.message]
    assert len(lines) == 1, [record.message for record in lines]


def test_receiver_that_is_away_finds_few_copies_in_its_queue(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as broker:
        with Client(broker.port, VERDICTS, client_id="plant", session_s=3600):
            pass
        keys = {"ack": "application", "ack_timeout_s": 0.2}
        with Line(tmp_path / "s", broker.port, **keys) as line:
            ids = line.put(100)
            assert line.says("no receiver confirms 100 messages that were sent")
            wait_until(lambda: False, 1)
            with Client(broker.port, VERDICTS, client_id="plant", session_s=3600) as plant:
                assert wait_until(lambda: len(plant.count()) == 100)
                assert sum(plant.count().values()) <= 110
                plant.publish(ACK, json.dumps({"event_ids": ids}))
                assert wait_until(lambda: line.outbox.waiting == 0)


def test_message_that_a_broker_lost_is_repeated_to_a_receiver_that_answers(
    tmp_path: Path,
) -> None:
    with mosquitto(tmp_path / "broker", "persistence false") as broker:
        keys = {"ack": "application", "ack_timeout_s": 0.3}
        with Line(tmp_path / "s", broker.port, **keys) as line:
            with Client(broker.port, VERDICTS):
                ids = line.put(40)
                assert line.says("no receiver confirms 40 messages")
            broker.kill()
            broker.start()
            seen: set[str] = set()
            with Client(broker.port, VERDICTS) as plant:

                def answer() -> bool:
                    new = {d["event_id"] for d in plant.documents()} - seen
                    if new:
                        seen.update(new)
                        plant.publish(ACK, json.dumps({"event_ids": sorted(new)}))
                    return line.outbox.waiting == 0

                assert wait_until(answer, 20)
            assert seen == set(ids)
