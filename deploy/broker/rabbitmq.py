"""The configuration of a RabbitMQ 4 with its MQTT plugin (rabbitmq.com/docs/mqtt)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import secrets
from collections.abc import Sequence

from deploy.broker.accounts import Account
from deploy.broker.settings import SESSION_DAYS, BrokerSettings, Files, WrittenFile
from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.wire.streams import STREAMS

EXCHANGE = "amq.topic"
QUEUES = r"mqtt-(subscription|will)-.*"
NOTHING = "^$"


def rabbitmq_files(settings: BrokerSettings) -> Files:
    """rabbitmq.conf, enabled_plugins and definitions.json.

    Raises ConfigError for a user with a dot in its name: RabbitMQ takes dots in topics for slashes.
    """
    for account in settings.accounts:
        if "." in account.name:
            what = f"the station {account.name!r} has a dot, which is a level of a topic there"
            cure = "give it another station.id, or use mosquitto"
            raise ConfigError(what, where="RabbitMQ", cure=cure)
    definitions = json.dumps(_definitions(settings.accounts), indent=1) + "\n"
    return {
        "rabbitmq.conf": WrittenFile(_conf(settings)),
        "enabled_plugins": WrittenFile("[rabbitmq_mqtt].\n"),
        "definitions.json": WrittenFile(definitions, secret=True),
    }


def password_hash(password: str) -> str:
    """Salt and SHA-256 of salt and password (rabbitmq.com/docs/passwords)."""
    salt = secrets.token_bytes(4)
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def topic_regex(filters: Sequence[str]) -> str:
    """The regular expression of MQTT topic filters, as routing keys of AMQP.

    A filter itself must fit too: a subscription is checked by its own text.
    """
    if not filters:
        return NOTHING
    return f"^({'|'.join(map(_one_filter, filters))})$"


def _one_filter(text: str) -> str:
    levels: list[str] = []
    for level in text.split("/"):
        if level == "#":
            # Also the level above: the # of MQTT stands for no level, too.
            return r"\.".join(levels) + r"(\..*)?"
        levels.append(r"[^.]+" if level == "+" else re.escape(level))
    return r"\.".join(levels)


def _definitions(accounts: Sequence[Account]) -> dict[str, object]:
    return {
        "vhosts": [{"name": "/"}],
        "users": [
            {
                "name": one.name,
                "password_hash": password_hash(one.password),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": [],
            }
            for one in accounts
        ],
        "permissions": [
            {
                "user": one.name,
                "vhost": "/",
                "configure": f"^{QUEUES}$",
                "write": rf"^(amq\.topic|{QUEUES})$",
                "read": rf"^(amq\.topic|{QUEUES})$",
            }
            for one in accounts
        ],
        "topic_permissions": [
            {
                "user": one.name,
                "vhost": "/",
                "exchange": EXCHANGE,
                "write": topic_regex(one.write),
                "read": topic_regex(one.read),
            }
            for one in accounts
        ],
    }


def _conf(settings: BrokerSettings) -> str:
    place = settings.place.rstrip("/")
    quorum = "mqtt.durable_queue_type = quorum\n" if settings.cluster else ""
    return f"""\
# The files lie in {place}, readable for rabbitmq alone; enabled_plugins in /etc/rabbitmq.
mqtt.listeners.tcp = none
mqtt.listeners.ssl.default = {settings.port}
ssl_options.certfile = {place}/broker.pem
ssl_options.keyfile = {place}/broker.key
ssl_options.cacertfile = {place}/ca.pem
ssl_options.verify = verify_none
ssl_options.versions.1 = tlsv1.3
ssl_options.versions.2 = tlsv1.2
anonymous_login_user = none
load_definitions = {place}/definitions.json

# Sessions of receivers that are away are kept; nobody may send more than a confirmation has.
mqtt.max_session_expiry_interval_seconds = {SESSION_DAYS * 86400}
mqtt.prefetch = 100
mqtt.max_packet_size_authenticated = {STREAMS["ack"].max_bytes + 4096}
{quorum}"""
