"""Golden parts past a running station: a wrong threshold stops passing before the next part."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.golden.check import GoldenResult
from edge_agent.golden.folder import GoldenFolder

Shown = pytest.CaptureFixture[str]
STATION = """\
[station]
id = "test"
state_dir = "state"
[[channel]]
name = "top"
kind = "image"
bundle = "none.bundle"
[channel.source]
driver = "simulated"
"""


def station(folder: Path) -> Path:
    path = folder / "station.toml"
    path.write_text(STATION)
    return path


def answer(folder: Path, fault: str = "") -> threading.Thread:
    """What the agent does with the next request, without an agent."""

    def work() -> None:
        files = GoldenFolder(folder / "state")
        until = time.monotonic() + 10
        while time.monotonic() < until:
            request = files.take_request() if files.has_request() else None
            if request is not None:
                files.put_result(
                    GoldenResult(number=request.number, by=request.by, at_ns=1, fault=fault)
                )
                return
            time.sleep(0.01)

    thread = threading.Thread(target=work)
    thread.start()
    return thread


@pytest.mark.parametrize(("fault", "code"), [("", 0), ("golden part 1 (bad) was PASS", 3)])
def test_a_check_waits_for_the_agents_result(
    tmp_path: Path, capsys: Shown, fault: str, code: int
) -> None:
    thread = answer(tmp_path, fault)
    assert main(["golden", "check", str(station(tmp_path)), "--parts", "bad", "--json"]) == code
    thread.join()
    assert json.loads(capsys.readouterr().out)["fault"] == fault
    assert main(["golden", "status", str(station(tmp_path))]) == 0
    assert "parts may pass" in capsys.readouterr().out


def test_clear_names_who_and_wrong_parts_are_refused(tmp_path: Path, capsys: Shown) -> None:
    path = str(station(tmp_path))
    thread = answer(tmp_path)
    assert main(["golden", "clear", path, "--by", "anna", "--json"]) == 0
    thread.join()
    assert json.loads(capsys.readouterr().out) == {"cleared_by": "anna"}
    assert main(["golden", "check", path, "--parts", "god"]) == 2
    assert "give good, bad or bad:LABEL" in capsys.readouterr().err
    assert main(["golden", "check", path, "--parts", "good", "--no-wait"]) == 0
    assert GoldenFolder(tmp_path / "state").has_request()
