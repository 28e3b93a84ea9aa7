"""What a station tells the broker of itself, and what the broker tells the plant when it dies."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.broker import packets
from edge_agent.contracts.wire.streams import STREAMS
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.login import login_of


@pytest.mark.parametrize("retains", [True, False])
def test_the_will_is_the_state_offline_on_the_stations_topic(retains: bool) -> None:
    config = MqttTable.model_validate({"host": "broker", "topic_prefix": "plant/a"})
    login = login_of(config, station="press-3", client_id="c", at_ns=7, retains=retains)
    will = login.will
    assert will is not None
    assert (will.topic, will.qos, will.retain) == ("plant/a/press-3/state", 1, retains)
    told = json.loads(will.payload)
    assert (told["kind"], told["state"], told["station"], told["at_ns"]) == (
        "state",
        "offline",
        "press-3",
        7,
    )


def test_user_password_and_limits_are_those_of_the_table(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("word\n")
    keys = {"host": "b", "username": "s", "password_file": tmp_path / "secret", "keepalive_s": 9}
    login = login_of(
        MqttTable.model_validate(keys), station="s", client_id="c", at_ns=0, retains=True
    )
    assert (login.client_id, login.username, login.password, login.keepalive_s) == (
        "c",
        "s",
        "word",
        9,
    )
    assert login.properties[packets.MAXIMUM_PACKET] > STREAMS["ack"].max_bytes
