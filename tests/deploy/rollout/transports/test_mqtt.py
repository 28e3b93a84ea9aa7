"""Rollouts over a real broker, to stations that follow it with their own update machines."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from benchmarks.brokers import Mosquitto
from deploy.__main__ import main
from deploy.broker.target import BrokerTarget
from deploy.rollout.transport import Release
from deploy.rollout.transports.mqtt import MqttTransport, Patience
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.model.bundle import read_bundle
from edge_agent.contracts.wire.kinds.update import UpdateMessage
from edge_agent.rollout.work import current
from edge_agent.update.station_key import public_keys
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.edge_agent.rollout.rollout_kit import NAME, Line, following, open_line
from tests.station_kit import mosquitto

Shown = pytest.CaptureFixture[str]
NAMES = ("a", "b", "c")


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    with mosquitto(tmp_path / "broker") as running:
        yield running


@pytest.fixture
def plant(tmp_path: Path, broker: Mosquitto) -> Iterator[dict[str, Line]]:
    """Three stations that run 1.0.0 and follow the broker, and their inventory."""
    first = open_line(tmp_path / "a")
    lines = {"a": first}
    for name in NAMES[1:]:
        shutil.copytree(first.root, tmp_path / name / "station", symlinks=True)
        lines[name] = Line(tmp_path / name, first.workshop)
    keys = {name: public_keys(line.root)["report_key"] for name, line in lines.items()}
    rows = [f'[[station]]\nname = "{name}"\nreport_key = "{keys[name]}"\n' for name in NAMES]
    head = f'[mqtt]\nhost = "127.0.0.1"\nport = {broker.port}\n'
    (tmp_path / "stations.toml").write_text(head + "".join(rows))
    with ExitStack() as stack:
        for name, line in lines.items():
            stack.enter_context(following(line, broker.port, name))
        yield lines


def versions(plant: dict[str, Line]) -> list[str]:
    return [current(line.root, NAME)[0] for line in plant.values()]


def rollout(folder: Path, plant: dict[str, Line], *words: str | Path) -> int:
    where = ["--stations", str(folder / "stations.toml"), "--folder", str(folder / "rollout")]
    keys = ["--keys", str(plant["a"].workshop.keys)]
    unwatched = ["--probation", "0"] if words[0] == "start" else []
    return main(["rollout", *map(str, words), *unwatched, *where, *keys, "--json"])


def test_a_release_goes_from_group_to_group_after_approval(
    plant: dict[str, Line], tmp_path: Path, capsys: Shown
) -> None:
    new = plant["a"].workshop.signed("1.1.0")
    words = ("--groups", "1,100%", "--ask", "--per-minute", "6e4")
    assert rollout(tmp_path, plant, "start", new, *words) == 0
    assert json.loads(capsys.readouterr().out)["phase"] == "asking"
    assert versions(plant) == ["1.1.0", "1.0.0", "1.0.0"]
    assert rollout(tmp_path, plant, "approve") == 0
    assert json.loads(capsys.readouterr().out)["phase"] == "done"
    assert versions(plant) == ["1.1.0"] * 3


def test_a_release_that_fails_later_is_taken_back_everywhere(
    plant: dict[str, Line], tmp_path: Path, capsys: Shown
) -> None:
    plant["b"].bad.add("1.1.0")
    new = plant["a"].workshop.signed("1.1.0")
    assert (
        rollout(tmp_path, plant, "start", new, "--groups", "1,2,100%", "--per-minute", "6e4") == 1
    )
    found = json.loads(capsys.readouterr().out)
    assert (found["phase"], found["stations"]["c"]["progress"]) == ("failed", "waiting")
    assert "disarms the station" in found["reason"]
    assert versions(plant) == ["1.0.0"] * 3
    assert not (plant["c"].root / "rollout").exists()


def test_a_station_that_does_not_follow_is_named(plant: dict[str, Line], broker: Mosquitto) -> None:
    line = plant["a"]
    bundle = read_bundle(line.workshop.signed("1.1.0"))
    digest = sha256_hex(bundle.manifest_bytes)
    transport = MqttTransport(
        BrokerTarget("127.0.0.1", broker.port),
        Release("x.bundle", b"", bundle.manifest, digest),
        line.signer(),
        SystemClock(),
        patience=Patience(reach_s=0.3, work_s=60),
    )
    transport.open()
    with pytest.raises(DeviceError, match=r"away: no answer within 0\.3 s: .*agent follow"):
        transport.update("away")
    transport.close()


def test_a_wrong_report_key_is_named(plant: dict[str, Line], broker: Mosquitto) -> None:
    line = plant["a"]
    path = line.workshop.signed("1.1.0")
    bundle = read_bundle(path)
    transport = MqttTransport(
        BrokerTarget("127.0.0.1", broker.port),
        Release(path.name, b"", bundle.manifest, sha256_hex(bundle.manifest_bytes)),
        line.signer(),
        SystemClock(),
        patience=Patience(reach_s=5, work_s=60),
        report_keys={"a": bytes.fromhex(public_keys(plant["b"].root)["report_key"])},
    )
    transport.open()
    with pytest.raises(DeviceError, match=r"a: no answer .* signed by another key .*slots key"):
        transport.update("a")
    transport.close()


def test_a_broker_that_says_done_for_a_station_moves_nothing(
    plant: dict[str, Line], tmp_path: Path, broker: Mosquitto, capsys: Shown
) -> None:
    """The first station fails, and the broker claims success for every desired state."""
    plant["a"].bad.add("1.1.0")
    new = plant["a"].workshop.signed("1.1.0")
    with Client(broker.port, "lineside/+/desired") as liar:

        def lie() -> None:
            for topic, payload in list(liar.payloads):
                content = json.loads(json.loads(payload)["content"])
                report = UpdateMessage(
                    station=content["station"], at_ns=1, counter=content["counter"], state="done"
                )
                liar.publish(topic.replace("desired", "update"), report.model_dump_json())

        with repeated(lie):
            words = ("--groups", "1,100%", "--per-minute", "6e4")
            assert rollout(tmp_path, plant, "start", new, *words) == 1
    assert "disarms the station" in json.loads(capsys.readouterr().out)["reason"]
    assert versions(plant) == ["1.0.0"] * 3
    assert not (plant["b"].root / "rollout").exists()


@contextmanager
def repeated(act: Callable[[], None]) -> Iterator[None]:
    """Act again and again in a thread."""
    stop = threading.Event()

    def run() -> None:
        while not stop.wait(0.005):
            act()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(20)
