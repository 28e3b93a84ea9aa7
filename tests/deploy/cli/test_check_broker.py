"""The verbs around a broker, as their user calls them."""

from __future__ import annotations

import json
import socket
import struct
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks.brokers import free_port
from deploy.__main__ import main
from deploy.broker.certificates import ensure_certificates
from deploy.broker.target import BrokerTarget
from deploy.broker.transport import transport
from tests.deploy.broker.kit import with_lines


def test_a_broker_is_checked_and_each_finding_is_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with with_lines(tmp_path) as target:
        words = ["--host", "127.0.0.1", "--port", str(target.port), "--queued", "20", "--json"]
        assert main(["check-broker", *words]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    found = {row["what"]: row["grade"] for row in rows}
    assert found["queue of a session"] == "OK"
    assert found["anonymous clients"] == "WARN"
    assert found["survives a power cut"] == "UNKNOWN"


def test_a_broker_that_is_away_ends_with_code_4(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-broker", "--host", "127.0.0.1", "--port", str(free_port())]) == 4
    assert "start the broker" in capsys.readouterr().out


def test_a_port_that_resets_the_handshake_is_a_finding(tmp_path: Path) -> None:
    ensure_certificates(tmp_path, ["127.0.0.1"], datetime.now(UTC))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def reset() -> None:
            link, _ = listening.accept()
            link.recv(1)
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            link.close()

        resetting = threading.Thread(target=reset)
        resetting.start()
        target = BrokerTarget("127.0.0.1", listening.getsockname()[1], ca_file=tmp_path / "ca.pem")
        (found,) = transport(target, datetime.now(UTC), 1883)
        resetting.join(10)
    assert (found.what, found.grade) == ("TLS", "FAIL")
    assert "handshake fails" in found.detail


@pytest.mark.parametrize("port", ["0", "99999"])
def test_a_port_that_is_none_is_misuse(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["check-broker", "--port", port])
    assert ended.value.code == 2
    assert port in capsys.readouterr().err


@pytest.mark.parametrize("broker", ["mosquitto", "rabbitmq"])
def test_a_configuration_is_written_with_its_passwords(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], broker: str
) -> None:
    words = ["--host", "broker.plant", "--station", "press-3", "--out", str(tmp_path), "--json"]
    assert main(["broker-config", broker, *words]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["users"] == ["press-3", "collector", "viewer", "rollout"]
    assert all((tmp_path / name).is_file() for name in told["files"])
    assert (tmp_path / "passwords" / "press-3").read_text().strip()
