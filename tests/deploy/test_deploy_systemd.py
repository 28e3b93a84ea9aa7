from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "deploy" / "systemd" / "lineside-agent.service"
ANALYZE = shutil.which("systemd-analyze")


def analyze(*words: str | Path) -> subprocess.CompletedProcess[str]:
    if ANALYZE is None:
        pytest.skip("systemd-analyze is not installed (apt install systemd)")
    return subprocess.run([ANALYZE, *map(str, words)], capture_output=True, text=True, check=False)


def test_systemd_reads_the_unit_without_a_complaint(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    unit.write_text(UNIT.read_text().replace("/opt/lineside/bin/lineside-agent", "/bin/true"))
    done = analyze("verify", "--man=no", unit)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_agent_is_well_confined() -> None:
    """Exposure on systemd's scale of 0 to 100; an unconfined service has 96."""
    if "--threshold" not in analyze("--help").stdout:
        pytest.skip("this systemd cannot rate a unit file offline")
    done = analyze("security", "--offline=true", "--threshold=25", UNIT)
    assert done.returncode == 0, done.stdout[-200:]


def test_only_a_wrong_configuration_ends_the_restarts() -> None:
    lines = UNIT.read_text().splitlines()
    assert "Restart=always" in lines
    assert "RestartPreventExitStatus=2" in lines
