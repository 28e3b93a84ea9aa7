"""`lineside-deploy collect` as a service: it collects, and ends on SIGTERM with its counts."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.__main__ import main
from tests.edge_agent.messaging.mqtt_kit import Line
from tests.station_kit import mosquitto, wait_until


@pytest.mark.integrations
def test_the_verb_collects_until_sigterm(tmp_path: Path) -> None:
    with mosquitto(tmp_path / "broker") as broker:
        words = ["--host", "127.0.0.1", "--port", str(broker.port), "--json"]
        command = [sys.executable, "-m", "deploy", "collect", *words]
        collector = subprocess.Popen(
            [*command, "--db", str(tmp_path / "history.db")], stdout=subprocess.PIPE
        )
        assert wait_until(lambda: b"lineside-collector" in broker.log.read_bytes())
        keys = {"ack": "application", "ack_timeout_s": 1}
        with Line(tmp_path / "s", broker.port, **keys) as line:
            line.put(20)
            assert wait_until(lambda: line.outbox.waiting == 0, 20)
        collector.send_signal(signal.SIGTERM)
        out = collector.communicate(timeout=20)[0]
    assert collector.returncode == 0
    counts = json.loads(out)
    assert (counts["stored"], counts["unreadable"], counts["refused"]) == (20, 0, 0)


@pytest.mark.parametrize(
    ("words", "code", "text"),
    [
        (["--group", "g", "--protocol", "3.1.1"], 2, "MQTT 3.1.1 has no shared subscriptions"),
        (["--port", "1"], 4, "start the broker, or correct the options of `collect`"),
    ],
    ids=["group", "broker"],
)
def test_what_cannot_work_is_said_with_its_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], code: int, text: str
) -> None:
    before = signal.getsignal(signal.SIGTERM), signal.getsignal(signal.SIGINT)
    try:
        given = ["collect", "--host", "127.0.0.1", "--db", str(tmp_path / "h.db"), *words]
        assert main(given) == code
    finally:
        signal.signal(signal.SIGTERM, before[0])
        signal.signal(signal.SIGINT, before[1])
    assert text in capsys.readouterr().err


def test_a_missing_driver_of_postgres_is_named_with_its_cure(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    monkeypatch.delitem(sys.modules, "deploy.history.stores.postgres", raising=False)
    monkeypatch.delitem(sys.modules, "deploy.history.stores.partitions", raising=False)
    assert main(["watch", "--db", "postgresql://a@b/c", "--once"]) == 1
    assert "pip install 'lineside[postgres]'" in capsys.readouterr().err
