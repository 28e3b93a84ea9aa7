"""run ends orderly by each signal, and leaves alone what was ignored when it started."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edge_agent.__main__ import main
from edge_agent.infer.trial import TRIALS
from tests.station_kit import write_station

LIVE = 'driver = "folder"\npath = "frames"\nrate_hz = 50\nat_end = "repeat"'
WORDS = [sys.executable, "-m", "edge_agent", "run", "station.toml", "--verbose"]


def start(folder: Path, signals: str) -> subprocess.Popen[str]:
    """signals: what `env` sets of the signals that the agent inherits."""
    write_station(folder, LIVE)
    pipe = subprocess.PIPE
    return subprocess.Popen(
        ["env", signals, *WORDS], cwd=folder, stdout=pipe, stderr=pipe, text=True
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_each_signal_ends_it_orderly(bench: Path, number: signal.Signals) -> None:
    with start(bench, "--default-signal=INT,TERM,HUP") as agent:
        assert agent.stdout is not None
        agent.stdout.readline()
        agent.send_signal(number)
        _, log = agent.communicate(timeout=20)
    assert agent.returncode == 0
    assert log.count("stopping: asked to") == 1
    assert " parts: " in log


def test_signals_that_nohup_ignores_stay_ignored(bench: Path) -> None:
    with start(bench, "--ignore-signal=INT,HUP") as agent:
        assert agent.stdout is not None
        agent.stdout.readline()
        agent.send_signal(signal.SIGHUP)
        agent.send_signal(signal.SIGINT)
        for _ in range(10):
            assert agent.stdout.readline()
        assert agent.poll() is None
        agent.terminate()
        agent.communicate(timeout=20)
    assert agent.returncode == 0


def test_a_trial_that_cannot_be_foreseen_does_not_end_the_station(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(TRIALS, "command", [str(tmp_path / "no-such-python")])
    assert main(["run", str(tmp_path / "station.toml")]) != 0
    shown = capsys.readouterr().err
    assert "station.toml" in shown, "it came as far as its configuration"
    assert "no-such-python" not in shown
