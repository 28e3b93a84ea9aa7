"""Rows of process data from dataset.toml to the station's judgement."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import paho.mqtt.client as paho
import pytest

import deploy.__main__
import edge_agent.__main__
import trainer.__main__
from benchmarks.brokers import Mosquitto, find_mosquitto
from benchmarks.subscriber import Subscriber
from quantize.workflow.convert import ConvertRequest, convert
from tests.conftest import Shared
from tests.quantize.conversion_cache import ConversionCache

TOML = """\
task = "tabular-class"
good = ["ok"]
[tabular]
file = "mill.csv"
label = "state"
[[tabular.derived]]
name = "power [W]"
op = "product"
of = ["torque [Nm]", "speed [rpm]"]
times = 0.10471975511965977
[tabular.tags."air [K]"]
low = 270
high = 320
"""
HEADER_OF_PARTS = ["torque [Nm]", "speed [rpm]", "kind"]
HEADER = "air [K],torque [Nm],speed [rpm],kind,state"


def mill(root: Path) -> Path:
    """500 rows; those above 7 kW are broken."""
    rng = np.random.default_rng(3)
    lines = [HEADER]
    for _ in range(500):
        torque, speed = rng.uniform(20, 60), rng.uniform(1000, 2000)
        state = "broken" if torque * speed * 2 * np.pi / 60 > 7000 else "ok"
        kind = rng.choice(["L", "M"])
        lines.append(f"{rng.uniform(295, 305):.1f},{torque:.2f},{speed:.0f},{kind},{state}")
    root.mkdir()
    (root / "mill.csv").write_text("\n".join(lines) + "\n")
    (root / "dataset.toml").write_text(TOML)
    return root


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, shared: Shared) -> tuple[Path, Path]:
    """A run and its bundle, converted in this process: a child would start TensorFlow again."""
    folder = tmp_path_factory.mktemp("mill")
    run, bundle = folder / "runs" / "mill", folder / "mill.bundle"
    config = folder / "fit.toml"
    config.write_text("epochs = 10\n[options]\nmembers = 1\nteacher_rows = 3000\n")
    fit = ["fit", str(mill(folder / "mill")), "--out", str(run), "--config", str(config)]
    assert trainer.__main__.main(fit) == 0
    waived = ["auroc", "accuracy", "escapes", "agreement"]
    request = ConvertRequest(run, bundle, allowed=waived)
    convert(request, lambda text: None, ConversionCache(shared))
    return run, bundle


def test_a_row_is_judged_on_the_station_as_in_the_workshop(
    made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, bundle = made
    capsys.readouterr()
    shift = tmp_path / "shift.csv"
    shift.write_text(
        "air [°C],torque [Nm],speed [rpm],kind\n"
        "26.8,25,1100,L\n26.8,58,1900,M\n26.8,,1900,M\n126.8,58,1900,M\n26.8,58,1900,X\n"
    )
    assert edge_agent.__main__.main(["predict", str(bundle), str(shift), "--json"]) == 1
    said = capsys.readouterr()
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [(row["path"].rpartition("#")[2], row["verdict"]) for row in rows] == [
        ("0", "PASS"),
        ("1", "FAIL"),
    ]
    assert "torque [Nm] is missing" in said.err
    assert "air [K] = 399.95 lies outside 270..320" in said.err
    assert "kind 'X' is unknown" in said.err
    golden = sorted((run / "golden").glob("*-ok.csv"))
    assert edge_agent.__main__.main(["predict", str(bundle), str(golden[0])]) == 0


STATION = """\
[station]
id = "press"
state_dir = "state"
[mqtt]
host = "127.0.0.1"
port = {port}
[trust]
root = "root"
[line]
deadline_ms = 5000              # what is judged is the row, not how busy the computer is
[[channel]]
name = "mill"
kind = "tabular"
bundle = "root/bundles/mill"
[channel.source]
driver = "mqtt_tags"
topic = "plant/mill"
trigger_tag = "part"
part_tag = "part"
[[channel.source.tag]]
name = "air [°C]"
topic = "plant/air"
[[channel]]
name = "archive"
kind = "tabular"
bundle = "root/bundles/mill"
[channel.source]
driver = "rows"
path = "shift.csv"
rate_hz = 50
"""


def parts() -> list[dict[str, object]]:
    """40 parts of the mill; every eighth has no torque."""
    rng = np.random.default_rng(5)
    found: list[dict[str, object]] = []
    for k in range(40):
        torque = None if k % 8 == 7 else round(float(rng.uniform(20, 60)), 2)
        speed, kind = round(float(rng.uniform(1000, 2000))), str(rng.choice(["L", "M"]))
        found.append({"part": f"p{k}", "torque [Nm]": torque, "speed [rpm]": speed, "kind": kind})
    return found


def install(bundle: Path, folder: Path) -> Path:
    """Sign the bundle and push it to `folder`/root."""
    signed = folder / "mill.bundle"
    shutil.copy(bundle, signed)
    keys = folder / "keys"
    assert deploy.__main__.main(["keys", "init", str(keys)]) == 0
    assert deploy.__main__.main(["release", str(signed), "--keys", str(keys)]) == 0
    trust = keys / "root.json"
    push = ["push", str(signed), "--to", str(folder / "root"), "--trust", str(trust)]
    assert deploy.__main__.main(push) == 0
    return signed


def play(port: int, subscriber: Subscriber) -> None:
    """Publish every part, as fast as the broker takes them, once the station is armed."""
    # A client that reconnects sends a row again whose receipt was lost: two rows, two verdicts.
    plant = paho.Client(paho.CallbackAPIVersion.VERSION2, reconnect_on_failure=False)
    plant.connect("127.0.0.1", port)
    plant.loop_start()
    subscriber.wait_until_armed(20)
    rows = [("plant/air", "26.8"), *(("plant/mill", json.dumps(part)) for part in parts())]
    for topic, payload in rows:
        row = plant.publish(topic, payload, qos=1)
        row.wait_for_publish(5)
        assert row.is_published(), payload
    plant.disconnect()
    plant.loop_stop()


@pytest.mark.skipif(find_mosquitto() is None, reason="mosquitto is not installed")
def test_every_part_of_the_plant_gets_its_verdict_once(
    made: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bundle = install(made[1], tmp_path)
    rows = [",".join(str(part[name] or "") for name in HEADER_OF_PARTS) for part in parts()]
    shift = tmp_path / "shift.csv"
    shift.write_text(
        "\n".join([",".join(["air [°C]", *HEADER_OF_PARTS]), *(f"26.8,{r}" for r in rows)])
    )
    capsys.readouterr()
    edge_agent.__main__.main(["predict", str(bundle), str(shift), "--json"])
    said = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    wanted = {int(row["path"].rpartition("#")[2]): row["verdict"] for row in said}
    with (
        Mosquitto(tmp_path / "broker") as broker,
        Subscriber(broker.port, "press", v5=True) as subscriber,
    ):
        station = tmp_path / "station.toml"
        station.write_text(STATION.format(port=broker.port))
        command = [sys.executable, "-m", "edge_agent", "run", str(station)]
        with subprocess.Popen(command, stderr=subprocess.DEVNULL) as agent:
            play(broker.port, subscriber)
            subscriber.wait_for(80, 20)
            agent.terminate()
            agent.wait(20)
        verdicts = subscriber.snapshot()
        assert subscriber.duplicates == 0
    for channel, name in (("mill", "p{}"), ("archive", "shift.csv#{}")):
        mine = [v for v in verdicts if v["channels"][0]["channel"] == channel]
        assert [v["part_id"] for v in mine] == [name.format(k) for k in range(40)]
        assert [v["verdict"] for v in mine] == [wanted.get(k, "NO-VERDICT") for k in range(40)]
        assert "torque [Nm] is missing" in mine[7]["reason"]
    assert {"PASS", "FAIL"} == set(wanted.values())
