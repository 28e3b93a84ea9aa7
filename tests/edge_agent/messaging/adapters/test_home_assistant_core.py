"""A station in a real Home Assistant: device, values, and `unavailable` when it dies.

Home Assistant 2025.4 (the newest for Python 3.13.0) is installed once into ~/.cache/lineside, half
a gigabyte; needs a Python 3.13 and PyPI.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.state import StateMessage
from edge_agent.contracts.wire.streams import STREAMS
from edge_agent.messaging.adapter import Delivery
from edge_agent.messaging.adapters.home_assistant import HomeAssistantAdapter, HomeAssistantTable
from edge_agent.messaging.mqtt.login import login_of
from tests.edge_agent.messaging.adapter_kit import decided, station
from tests.edge_agent.messaging.mqtt_kit import Client
from tests.station_kit import HEALTH, mosquitto, wait_until

pytestmark = [pytest.mark.integrations, pytest.mark.timeout(1200)]
ROOT = Path.home() / ".cache" / "lineside" / "home-assistant"
PYTHON = ROOT / "venv" / "bin" / "python"
PACKAGES = (
    "homeassistant==2025.4.4", "paho-mqtt==2.1.0", "numpy==2.2.2", "PyTurboJPEG==1.7.5",
    "hassil==2.2.3", "home-assistant-intents==2025.3.28", "mutagen==1.47.0", "ha-ffmpeg==3.2.2",
)  # fmt: skip
WITHOUT = ("pymicro-vad", "pyspeex-noise")
"""Voice packages without wheels; an empty module stands in for each."""


def core() -> Path:
    """The interpreter of Home Assistant's environment; skips the test where it cannot be."""
    if (ROOT / "complete").is_file():
        return PYTHON
    pyenv = sorted(Path.home().glob(".pyenv/versions/3.13.*/bin/python3.13"))
    interpreter = str(pyenv[0]) if pyenv else shutil.which("python3.13")
    if interpreter is None:
        pytest.skip("Home Assistant needs a Python 3.13")
    shutil.rmtree(ROOT, ignore_errors=True)
    ROOT.mkdir(parents=True)
    override = ROOT / "override.txt"
    override.write_text("".join(f'{name} ; python_version < "3"\n' for name in WITHOUT))
    uv = str(ROOT / "uv" / "bin" / "uv")
    for words in (
        [sys.executable, "-m", "venv", str(ROOT / "uv")],
        [str(ROOT / "uv" / "bin" / "pip"), "install", "-q", "uv"],
        [uv, "venv", "-q", "--python", interpreter, str(ROOT / "venv")],
        [uv, "pip", "install", "-q", "--override", str(override), "--python", str(PYTHON),
         *PACKAGES],
    ):  # fmt: skip
        done = subprocess.run(words, capture_output=True, text=True, check=False)
        if done.returncode:
            pytest.skip(f"Home Assistant cannot be installed: {done.stderr[-300:]}")
    site = next((ROOT / "venv" / "lib").glob("python*/site-packages"))
    for name in WITHOUT:
        (site / f"{name.replace('-', '_')}.py").write_text("")
    (ROOT / "complete").touch()
    return PYTHON


@contextmanager
def home_assistant(folder: Path, port: int) -> Iterator[Callable[[str], Any]]:
    """A running core; the function asks it."""
    program = Path(__file__).with_name("home_assistant_core.py")
    words = [str(core()), str(program), str(folder), str(port)]
    with subprocess.Popen(
        words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:

        def ask(line: str) -> Any:
            assert process.stdin is not None
            assert process.stdout is not None
            if line:
                process.stdin.write(line + "\n")
                process.stdin.flush()
            text = process.stdout.readline()
            return json.loads(text) if text else pytest.fail("Home Assistant has ended")

        try:
            yield ask
        finally:
            process.kill()


def test_a_station_is_one_device_and_unavailable_when_it_dies(tmp_path: Path) -> None:
    with (
        mosquitto(tmp_path / "b") as broker,
        home_assistant(tmp_path / "ha", broker.port) as ask,
        Client(broker.port) as line,
    ):
        started = ask("")
        assert started["mqtt"], started
        adapter = HomeAssistantAdapter(
            HomeAssistantTable(driver="home_assistant"), station(port=broker.port)
        )
        adapter.open(Delivery)

        def states() -> dict[str, str]:
            return {k: v for k, v in ask("show")["states"].items() if k.startswith("sensor.test")}

        def tell() -> dict[str, str]:
            """Say it again: Home Assistant subscribes some time after it has made the sensors."""
            verdict = decided(Verdict.FAIL, label="scratch", latency_ms=41.5)
            for message in (StateMessage(station="test", state="armed", at_ns=1), HEALTH, verdict):
                topic = STREAMS[message.kind].topic("lineside", "test")
                line.publish(topic, message.model_dump_json())
            return states()

        try:
            assert wait_until(lambda: len(states()) >= 10, 60)
            assert wait_until(lambda: tell().get("sensor.test_last_verdict") == "FAIL", 60), (
                states()
            )
            found = states()
            assert found["sensor.test_state"] == "armed"
            assert found["sensor.test_last_label"] == "scratch"
            assert found["sensor.test_last_latency"] == "41.5"
            assert ["test", "Lineside", "1.2.3"] in ask("show")["devices"]
            mqtt = station(port=broker.port).mqtt
            assert mqtt is not None
            login = login_of(mqtt, station="test", client_id="x", at_ns=1, retains=True)
            assert login.will is not None
            line.publish(login.will.topic, login.will.payload)
            assert wait_until(lambda: set(states().values()) == {"unavailable"}, 30)
        finally:
            adapter.close()
        assert ask("end")["complaints"] == []
