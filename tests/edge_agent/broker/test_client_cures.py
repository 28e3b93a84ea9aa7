"""What a connection that fails says, and the cure that mends it."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.brokers import free_port
from edge_agent.broker.config import BrokerTable
from edge_agent.broker.secrets import check_secrets
from edge_agent.broker.tls import tls_cure
from edge_agent.capture.process.mqtt_tags import MqttTags, MqttTagsTable
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.messaging.config import MqttTable
from edge_agent.messaging.mqtt.probe import probe_broker


@pytest.fixture
def slammed_port() -> Iterator[int]:
    """A server that reads a little and closes: a TLS port, or a broker that refuses us."""
    number = free_port()
    with socket.create_server(("127.0.0.1", number)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client:
                    client.recv(64)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield number
        server.shutdown(socket.SHUT_RDWR)
    thread.join(5)


def test_a_broker_that_closes_on_login_is_told_from_one_that_is_silent(slammed_port: int) -> None:
    table = MqttTable(host="127.0.0.1", port=slammed_port)
    found = probe_broker(table, "demo", "lineside-demo")[-1]
    assert found.grade == "FAIL"
    assert found.detail == "closes the connection when we log in"
    assert f"if port {slammed_port} expects TLS, add [mqtt.tls]" in found.cure


def test_tags_from_a_broker_that_closes_on_login_are_an_absent_device(slammed_port: int) -> None:
    broker = {"host": "127.0.0.1", "port": slammed_port}
    config = {"driver": "mqtt_tags", "period_s": 1, "broker": broker, "topic": "t"}
    source = MqttTags(MqttTagsTable.model_validate(config), name="mill", clock=SystemClock())
    with pytest.raises(DeviceError, match="closes the connection when we log in"):
        source.open()


@pytest.mark.parametrize(
    ("words", "cure"),
    [
        ("certificate verify failed: certificate is not yet valid", "set this station's clock"),
        ("certificate verify failed: certificate has expired", "renew the broker's certificate"),
        ("certificate verify failed: Hostname mismatch", "set mqtt.host to a name in"),
        ("certificate verify failed: unable to get local issuer", "set mqtt.tls.ca_file"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", "port 1883 does not speak TLS"),
        ("tlsv13 alert certificate required", "set mqtt.tls.cert_file"),
    ],
    ids=["1970", "expired", "host", "stranger", "plain", "certificate"],
)
def test_a_failed_handshake_has_its_own_cure(words: str, cure: str) -> None:
    assert cure in tls_cure(BrokerTable(host="plant"), ssl.SSLError(words))


def _table(folder: Path, mode: int, *, tls: bool) -> BrokerTable:
    for name in ("password", "key.pem", "cert.pem"):
        (folder / name).write_text("secret\n")
        (folder / name).chmod(mode)
    table = {"host": "plant", "username": "u", "password_file": folder / "password"}
    files = {"cert_file": folder / "cert.pem", "key_file": folder / "key.pem"}
    return BrokerTable.model_validate(table | ({"tls": files} if tls else {}))


def test_a_password_without_tls_is_a_warning(tmp_path: Path) -> None:
    found = list(check_secrets(_table(tmp_path, 0o600, tls=False)))
    assert [one.grade for one in found] == ["WARN"]
    assert "without TLS" in found[0].detail


@pytest.mark.parametrize("mode", [0o660, 0o644, 0o604])
def test_secrets_that_others_can_read_are_a_warning_each(tmp_path: Path, mode: int) -> None:
    found = list(check_secrets(_table(tmp_path, mode, tls=True)))
    assert [one.cure.rpartition("/")[2] for one in found] == ["password", "key.pem"]


def test_secrets_of_this_user_alone_are_no_warning(tmp_path: Path) -> None:
    assert list(check_secrets(_table(tmp_path, 0o600, tls=True))) == []
