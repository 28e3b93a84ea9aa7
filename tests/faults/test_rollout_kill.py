"""Rollouts over a broker whose station, or whose controller, is killed at random; and floods."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from edge_agent.contracts.wire.kinds.update import UpdateMessage
from edge_agent.rollout.refusals import MOST_NAMED
from edge_agent.rollout.work import current
from edge_agent.update.slots import status
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.edge_agent.rollout.rollout_kit import NAME, Line, encoded, following, open_line
from tests.station_kit import mosquitto, wait_until, write_station

pytestmark = [pytest.mark.faults, pytest.mark.timeout(1800)]

KILLS = int(os.environ.get("LINESIDE_KILLS", "20"))
FLOOD = 2_000
MOST_GROWTH_MB = 8


def program(line: Line, port: int) -> list[str]:
    """`lineside-agent follow` of the station `test`."""
    source = 'driver = "folder"\npath = "frames"'
    config = write_station(line.folder, source, mqtt=f'host = "127.0.0.1"\nport = {port}')
    command = [sys.executable, "-m", "edge_agent", "follow", str(config)]
    return [*command, "--root", str(line.root), "--from", line.source().where]


def test_a_station_that_is_killed_again_and_again_has_the_old_or_the_new(tmp_path: Path) -> None:
    line, chance = open_line(tmp_path), random.Random(5)
    bundle = line.release("1.1.0")
    with (
        mosquitto(tmp_path / "broker") as broker,
        Client(broker.port, "lineside/test/update") as plant,
    ):
        command = program(line, broker.port)
        hour_ns = 3600 * 10**9
        state = line.state(bundle, station="test")
        state = state.model_copy(update={"expires_ns": state.expires_ns + hour_ns})
        plant.publish("lineside/test/desired", encoded(line.signer().sign(state)), retain=True)
        for _ in range(KILLS):
            running = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            before = len(plant.payloads)
            wait_until(lambda before=before: len(plant.payloads) > before, 60)
            time.sleep(chance.random() * 0.3)
            running.kill()
            running.wait()
            (slot,) = status(line.root)
            assert slot.version in ("1.0.0", "1.1.0")
            assert not slot.fault
        running = subprocess.Popen(command, stderr=subprocess.DEVNULL)

        def last() -> str:
            said = [UpdateMessage.model_validate_json(one) for _, one in plant.payloads]
            return said[-1].state if said else ""

        try:
            assert wait_until(lambda: last() in ("done", "failed"), 120)
        finally:
            running.terminate()
            running.wait()
    # Three kills within one state give the candidate up; then the old one is current, whole.
    assert current(line.root, NAME)[0] == ("1.1.0" if last() == "done" else "1.0.0")


def test_a_controller_that_was_killed_goes_on_over_the_broker(tmp_path: Path) -> None:
    line = open_line(tmp_path)
    new = line.workshop.signed("1.1.0")
    folder = tmp_path / "rollout"
    with mosquitto(tmp_path / "broker") as broker:
        (tmp_path / "stations.toml").write_text(
            f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n[[station]]\nname = "press"\n'
        )
        where = ["--stations", str(tmp_path / "stations.toml"), "--folder", str(folder)]
        words = [*where, "--keys", str(line.workshop.keys), "--json"]
        command = [sys.executable, "-m", "deploy", "rollout"]
        with Client(broker.port, "lineside/press/desired") as plant:
            started = subprocess.Popen([*command, "start", str(new), *words])
            assert wait_until(lambda: plant.payloads, 60)
            started.kill()
            started.wait()
        journal = json.loads((folder / "rollout.json").read_text())
        assert journal["stations"]["press"]["progress"] == "begun"
        with following(line, broker.port):
            done = subprocess.run([*command, "resume", *words], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)["phase"] == "done"
    assert current(line.root, NAME)[0] == "1.1.0"


def test_a_flood_of_forgeries_takes_neither_memory_nor_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    line = open_line(tmp_path)
    good = line.desired(line.release("1.1.0"), 5)
    forged = json.loads(encoded(good))
    with (
        mosquitto(tmp_path / "broker") as broker,
        Client(broker.port, "lineside/press/update") as plant,
        following(line, broker.port),
    ):
        assert wait_until(lambda: plant.payloads)
        rss: list[int] = []
        for number in range(FLOOD):
            forged["content"] = good.content.replace('"counter":5', f'"counter":{number + 6}')
            forged["roots"] = [*good.roots, "x" * 100_000]
            plant.publish("lineside/press/desired", json.dumps(forged), qos=1)
            rss.append(psutil.Process().memory_info().rss)
        # The first quarter loads libraries and fills buffers, which stay.
        grown_mb = (max(rss[FLOOD // 4 :]) - max(rss[: FLOOD // 4])) / (1 << 20)
        plant.publish("lineside/press/desired", encoded(good), retain=True)
        assert wait_until(lambda: current(line.root, NAME)[0] == "1.1.0", 120)
    named = [text for text in caplog.messages if text.startswith("refused")]
    assert 0 < len(named) <= MOST_NAMED
    assert grown_mb < MOST_GROWTH_MB, [one >> 20 for one in rss[:: FLOOD // 20]]
