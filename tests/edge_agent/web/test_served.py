"""The page of an agent at work, over its socket."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from benchmarks.brokers import free_port
from edge_agent.contracts.core.clock import SystemClock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.types import Verdict
from edge_agent.contracts.wire.kinds.verdict import VerdictMessage
from edge_agent.web.app import build_app
from edge_agent.web.causes import cause_of, label_of
from edge_agent.web.config import WebTable
from edge_agent.web.headers import HEADERS
from edge_agent.web.lights import lights_of
from edge_agent.web.live import BOUNDARY, Live
from edge_agent.web.server import PageServer
from tests.page_kit import PageKit
from tests.station_kit import verdict, wait_until, write_frames, write_image_bundle, write_station


def fetch(port: int, path: str, size: int = -1) -> bytes:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return bytes(answer.read(size))


def is_up(port: int) -> bool:
    try:
        return json.loads(fetch(port, "/api/line"))["counts"]["FAIL"] > 0
    except OSError:
        return False


def test_an_agent_at_work_shows_its_parts_and_pictures(tmp_path: Path) -> None:
    write_image_bundle(tmp_path / "brightness.bundle")
    write_frames(tmp_path / "frames", 8)
    port = free_port()
    source = 'driver = "folder"\npath = "frames"\nrate_hz = 50\nat_end = "repeat"'
    write_station(tmp_path, source, web=f"enabled = true\nport = {port}")
    words = [sys.executable, "-m", "edge_agent", "run", "station.toml"]
    agent = subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    try:
        assert wait_until(lambda: is_up(port), 90)
        view = json.loads(fetch(port, "/api/line"))
        assert view["rejects"].keys() == {"dark"}
        assert view["pictures"][0]["channel"] == "top"
        assert fetch(port, "/api/picture/top")[:2] == b"\xff\xd8"
        assert fetch(port, "/api/live/top", 400).startswith(f"--{BOUNDARY}".encode())
        assert b"event: line" in fetch(port, "/api/events", 200)
    finally:
        agent.terminate()
        _, told = agent.communicate(timeout=30)
    assert agent.returncode == 0
    assert "Traceback" not in told


def test_a_port_that_is_taken_is_named(kit: PageKit) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        table = WebTable(port=taken.getsockname()[1])
        live = Live(kit.page.board, clock=SystemClock(), most=1, picture_rate_hz=5)
        server = PageServer(build_app(kit.page.rooms), table, live)
        with pytest.raises(DeviceError, match="cannot be taken"):
            server.open()
        server.close()


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ("top: stale: waited 300 ms, the deadline is 200 ms", "late"),
        ("top: fault: out of memory", "fault"),
        ("stopped by anna", "stopped"),
        ("something new", "other"),
    ],
)
def test_a_reason_has_plain_words(reason: str, cause: str) -> None:
    assert cause_of(message(reason)) == cause


def message(reason: str) -> VerdictMessage:
    return verdict().model_copy(update={"reason": reason})


def test_the_label_is_that_of_the_channel_that_decided() -> None:
    good = verdict().channels[0].model_copy(update={"verdict": Verdict.PASS, "label": "ok"})
    bad = good.model_copy(update={"verdict": Verdict.FAIL, "label": "crack"})
    found = verdict().model_copy(update={"verdict": Verdict.FAIL, "channels": [good, bad]})
    assert label_of(found) == "crack"


def test_an_armed_station_is_green() -> None:
    lights = lights_of("armed", "", None, ["top"])
    assert {light.name: light.level for light in lights}["station"] == "ok"
    assert "frame-ancestors 'none'" in HEADERS["Content-Security-Policy"]
