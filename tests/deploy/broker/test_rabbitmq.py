"""The files of a RabbitMQ: rights as its routing keys, and names that it cannot take."""

from __future__ import annotations

import base64
import hashlib
import json
import re

import pytest

from deploy.broker.accounts import Account
from deploy.broker.rabbitmq import password_hash, rabbitmq_files, topic_regex
from deploy.broker.settings import BrokerSettings
from edge_agent.contracts.core.errors import ConfigError


@pytest.mark.parametrize(
    ("topic", "fits"),
    [
        ("lineside.press-1.verdict", True),
        ("lineside.press-1.check.ab12", True),
        ("lineside.press-1.check", True),
        ("lineside.press-1.verdict.more", False),
        ("lineside.press-10.verdict", False),
        ("lineside.press-2.verdict", False),
        ("lineside.press-1.state", False),
    ],
)
def test_rights_hold_for_routing_keys(topic: str, fits: bool) -> None:
    pattern = topic_regex(["lineside/press-1/verdict", "lineside/press-1/check/#"])
    assert bool(re.match(pattern, topic)) == fits


def test_a_user_without_rights_fits_nothing() -> None:
    assert not re.match(topic_regex([]), "lineside.press-1.verdict")


def test_a_password_is_salted_sha256() -> None:
    content = base64.b64decode(password_hash("secret"))
    assert content[4:] == hashlib.sha256(content[:4] + b"secret").digest()


def test_a_station_with_a_dot_is_refused() -> None:
    settings = BrokerSettings([Account("cell.1", "x", (), ())], "/etc/rabbitmq/lineside")
    with pytest.raises(ConfigError, match="a level of a topic"):
        rabbitmq_files(settings)


def test_no_password_is_in_the_files() -> None:
    user = Account("press-1", "open-sesame", ("lineside/press-1/verdict",), ())
    files = rabbitmq_files(BrokerSettings([user], "/etc/rabbitmq/lineside", cluster=True))
    assert not any("open-sesame" in file.text for file in files.values())
    assert files["definitions.json"].secret
    assert json.loads(files["definitions.json"].text)["users"][0]["name"] == "press-1"
    assert "durable_queue_type = quorum" in files["rabbitmq.conf"].text
