"""An agent at work takes a threshold from its page: the next parts are judged by it, and a restart
goes on with it."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from benchmarks.brokers import free_port
from edge_agent.audit.segments import records
from edge_agent.evidence.folder import read_kept
from edge_agent.web.users import Role, UserFile
from tests.page_kit import PASSWORD
from tests.station_kit import wait_until, write_frames, write_image_bundle, write_station

pytestmark = pytest.mark.slow


class Person:
    """Somebody who is logged in at a page."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._headers: dict[str, str] = {}

    def log_in(self, name: str) -> bool:
        try:
            sent = self._send("POST", "/api/login", {"name": name, "password": PASSWORD})
        except OSError:
            return False
        self._headers["Cookie"] = sent[1].partition(";")[0]
        self._headers["X-CSRF-Token"] = self.ask("/api/me")["csrf"]
        return True

    def ask(self, path: str) -> Any:
        return json.loads(self._send("GET", path, None)[2])

    def change(self, path: str, body: dict[str, object]) -> Any:
        status, _, text = self._send("POST", path, body)
        assert status == 200, text
        return json.loads(text)

    def _send(self, method: str, path: str, body: object) -> tuple[int, str, bytes]:
        """Status, cookie and body of the answer."""
        text = None if body is None else json.dumps(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        with closing(http.client.HTTPConnection("127.0.0.1", self._port, timeout=20)) as link:
            link.request(method, path, text, self._headers | kind)
            answer = link.getresponse()
            return answer.status, answer.getheader("set-cookie", ""), answer.read()


@contextmanager
def at_work(folder: Path) -> Iterator[None]:
    words = [sys.executable, "-m", "edge_agent", "run", "station.toml"]
    agent = subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, text=True)
    try:
        yield
    finally:
        agent.terminate()
        _, told = agent.communicate(timeout=60)
    assert "Traceback" not in told


def verdicts(person: Person) -> set[str]:
    """Of the parts that came last."""
    return {part["verdict"] for part in person.ask("/api/line")["parts"][-12:]}


def test_a_threshold_from_the_page_judges_the_next_parts_and_survives_a_restart(
    tmp_path: Path,
) -> None:
    write_image_bundle(tmp_path / "brightness.bundle")
    write_frames(tmp_path / "frames", 8)
    UserFile(tmp_path / "users.json").add("erin", Role.ENGINEER, PASSWORD)
    port = free_port()
    source = 'driver = "folder"\npath = "frames"\nrate_hz = 20\nat_end = "repeat"'
    web = f'enabled = true\nport = {port}\nusers_file = "users.json"'
    write_station(tmp_path, source, web=web, evidence="pass_share = 0.0\nunsure_margin = 0.0")
    erin = Person(port)
    with at_work(tmp_path):
        assert wait_until(lambda: erin.log_in("erin"), 90)
        assert wait_until(lambda: {"PASS", "FAIL"} <= verdicts(erin), 60)
        (channel,) = erin.ask("/api/threshold")["channels"]
        assert wait_until(lambda: erin.ask("/api/threshold/what-if?channel=top")["parts"] > 8)
        found = erin.ask("/api/threshold/what-if?channel=top&threshold=0.01")
        about = {"channel": "top", "bundle": channel["bundle"]}
        assert found["to_pass"] == 0
        part = next(p for p in erin.ask("/api/line")["parts"][::-1] if p["verdict"] == "PASS")
        asked = {"part_id": part["part_id"], "number": part["number"]}
        assert erin.change("/api/missed-defect", asked)["kept"] >= 1
        erin.change("/api/threshold", about | {"threshold": 0.99})
        erin.change("/api/threshold", about | {"threshold": 0.9})
    with at_work(tmp_path):
        assert wait_until(lambda: erin.log_in("erin"), 90)
        assert wait_until(lambda: erin.ask("/api/threshold")["channels"], 60)
        (again,) = erin.ask("/api/threshold")["channels"]
        assert (again["threshold"], again["own"], again["set_by"]) == (0.9, 0.5, "erin")
        assert wait_until(lambda: erin.ask("/api/line")["parts"], 60)
        assert erin.change("/api/threshold/undo", about)["threshold"] == 0.99
    log = list(records(tmp_path / "state" / "audit"))
    changes = [
        (one["what"], one["after"].get("threshold")) for one in log if one["kind"] == "change"
    ]
    assert [one for one in changes if one[0].startswith("threshold")] == [
        ("threshold", 0.99), ("threshold", 0.9), ("threshold undone", 0.99),
    ]  # fmt: skip
    used = {c["threshold"] for one in log if one["kind"] == "verdict" for c in one["channels"]
            if "threshold" in c}  # fmt: skip
    assert {0.5, 0.9} <= used
    assert "missed" in {kept.record.cause for kept in read_kept(tmp_path / "state" / "evidence")}
