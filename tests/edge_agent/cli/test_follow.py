"""`lineside-agent follow` as a program: it takes, reports, and ends on a signal."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.contracts.wire.kinds.update import UpdateMessage
from edge_agent.rollout.work import current
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.edge_agent.rollout.rollout_kit import NAME, encoded, open_line
from tests.station_kit import mosquitto, wait_until, write_station


def test_a_station_without_a_broker_is_told_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write_station(tmp_path, 'driver = "folder"\npath = "frames"')
    words = ["follow", str(config), "--root", str(tmp_path), "--from", str(tmp_path)]
    assert main(words) == 2
    assert "station.toml: has no table [mqtt]: add it" in capsys.readouterr().err


def test_the_program_brings_a_release_onto_the_station(tmp_path: Path) -> None:
    line = open_line(tmp_path)
    bundle = line.release("1.1.0")
    source = 'driver = "folder"\npath = "frames"'
    with mosquitto(tmp_path / "broker") as broker:
        config = write_station(tmp_path, source, mqtt=f'host = "127.0.0.1"\nport = {broker.port}')
        command = [sys.executable, "-m", "edge_agent", "follow", str(config)]
        command += ["--root", str(line.root), "--from", line.source().where]
        running = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        with Client(broker.port, "lineside/test/update") as plant:
            payload = encoded(line.desired(bundle, station="test"))
            plant.publish("lineside/test/desired", payload, retain=True)

            def is_done() -> bool:
                said = [UpdateMessage.model_validate_json(one) for _, one in plant.payloads]
                return bool(said) and said[-1].state == "done"

            is_there = wait_until(is_done, 60)
        running.send_signal(signal.SIGTERM)
        said = running.communicate(timeout=30)[1]
    assert is_there, said
    assert running.returncode == 0
    assert "desired: install brightness 1.1.0" in said
    assert current(line.root, NAME)[0] == "1.1.0"
