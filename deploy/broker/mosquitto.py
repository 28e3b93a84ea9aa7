"""The configuration of a mosquitto 2 that keeps what it acknowledges (mosquitto.conf(5))."""

from __future__ import annotations

import base64
import hashlib
import secrets

from deploy.broker.accounts import Account
from deploy.broker.settings import SESSION_DAYS, BrokerSettings, Files, WrittenFile
from edge_agent.contracts.wire.streams import STREAMS

ITERATIONS = 20_000
"""Of PBKDF2: mosquitto_passwd gives 101; more, and a log-in takes a small broker's processor."""


def mosquitto_files(settings: BrokerSettings) -> Files:
    """mosquitto.conf, its users and their rights."""
    users = "".join(f"{one.name}:{password_hash(one.password)}\n" for one in settings.accounts)
    return {
        "mosquitto.conf": WrittenFile(_conf(settings)),
        "users": WrittenFile(users, secret=True),
        "acl": WrittenFile("\n".join(map(_rights, settings.accounts)), secret=True),
    }


def password_hash(password: str) -> str:
    """What mosquitto_passwd writes: $7$, PBKDF2 with SHA-512."""
    salt = secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    salt_text, key_text = (base64.b64encode(part).decode() for part in (salt, key))
    return f"$7${ITERATIONS}${salt_text}${key_text}"


def _rights(account: Account) -> str:
    lines = [f"user {account.name}"]
    lines += [f"topic write {topic}" for topic in account.write]
    lines += [f"topic read {topic}" for topic in account.read]
    return "\n".join(lines) + "\n"


def _conf(settings: BrokerSettings) -> str:
    place = settings.place.rstrip("/")
    return f"""\
# Users, rights and TLS: the files lie in {place}, readable for mosquitto alone.
listener {settings.port}
certfile {place}/broker.pem
keyfile {place}/broker.key
tls_version tlsv1.2
allow_anonymous false
password_file {place}/users
acl_file {place}/acl

# What is acknowledged is saved within a second, and kept for receivers that are away.
persistence true
persistence_location /var/lib/mosquitto/
autosave_interval 1
max_queued_messages 0
persistent_client_expiration {SESSION_DAYS}d
queue_qos0_messages false

# The largest message is a receiver's confirmation; nobody may send more.
max_packet_size {STREAMS["ack"].max_bytes + 4096}
"""
