"""Rows of process data from dataset.toml to the station's judgement, through the commands."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import edge_agent.cli
import quantize.cli
import trainer.cli

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


def test_a_row_is_judged_on_the_station_as_in_the_workshop(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run, bundle = tmp_path / "run", tmp_path / "mill.bundle"
    config = tmp_path / "fit.toml"
    config.write_text("epochs = 10\n[options]\nmembers = 1\nteacher_rows = 3000\n")
    fit = ["fit", str(mill(tmp_path / "mill")), "--out", str(run), "--config", str(config)]
    assert trainer.cli.main(fit) == 0
    waived = ["--allow", "auroc", "--allow", "accuracy", "--allow", "escapes"]
    assert quantize.cli.main(["convert", str(run), "--out", str(bundle), *waived]) == 0
    capsys.readouterr()
    shift = tmp_path / "shift.csv"
    shift.write_text(
        "air [°C],torque [Nm],speed [rpm],kind\n"
        "26.8,25,1100,L\n26.8,58,1900,M\n26.8,,1900,M\n126.8,58,1900,M\n26.8,58,1900,X\n"
    )
    assert edge_agent.cli.main(["predict", str(bundle), str(shift), "--json"]) == 1
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
    assert edge_agent.cli.main(["predict", str(bundle), str(golden[0])]) == 0
