"""Settings proposed from rows whose rule is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from trainer.__main__ import main
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.workflow.process_settings import Setting, optimise, parse_setting

TOML = """\
task = "tabular-class"
good = ["ok"]
[tabular]
file = "oven.csv"
label = "state"
"""


def oven(root: Path, *, luck: bool = False) -> Path:
    """600 parts; the farther from 200 degrees, the more of them crack, or by luck alone."""
    rng = np.random.default_rng(0)
    lines = ["temperature [degC],humidity [%],state"]
    for _ in range(600):
        heat = rng.uniform(150, 250)
        chance = 0.3 if luck else min(0.9, 0.02 + ((heat - 200) / 50) ** 2)
        state = "cracked" if rng.random() < chance else "ok"
        lines.append(f"{heat:.1f},{rng.uniform(20, 60):.1f},{state}")
    (root / "oven.csv").write_text("\n".join(lines) + "\n")
    (root / "dataset.toml").write_text(TOML)
    return root


def test_proposal_lies_where_few_parts_crack_and_says_how_sure_it_is(tmp_path: Path) -> None:
    dataset = load_dataset(oven(tmp_path))
    asked = [Setting("temperature [degC]", 100, 300)]
    found = optimise(dataset, asked, SilentProgress(), trials=45)
    assert found.proposal is not None
    assert 180 < found.proposal.settings["temperature [degC]"] < 220
    assert found.proposal.then < found.proposal.now
    assert found.proposal.gain_ci95[0] > 0
    assert found.notes[0].startswith("temperature [degC] searched in 15")
    curve = found.dependences[0]
    assert curve.mean[0] > curve.mean[len(curve.mean) // 2] < curve.mean[-1]
    assert (curve.low <= curve.high).all()


def test_nothing_is_proposed_where_luck_decides(tmp_path: Path) -> None:
    dataset = load_dataset(oven(tmp_path, luck=True))
    found = optimise(
        dataset, [Setting("temperature [degC]", 150, 250)], SilentProgress(), trials=10
    )
    assert found.proposal is None
    assert "hardly better than chance" in found.why


def test_command_writes_a_report_that_claims_no_causes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report.html"
    words = ["optimise", str(oven(tmp_path)), "--setting", "temperature [degC]=170:230"]
    assert main([*words, "--trials", "41", "--out", str(out), "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert 170 <= document["settings"]["temperature [degC]"] <= 230
    assert "not causes" in document["causes"]
    page = out.read_text()
    assert "not causes" in page
    assert "<svg" in page
    assert "src=" not in page


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ([], "no setting"),
        ([Setting("temprature [degC]", 1, 2)], "did you mean 'temperature"),
        ([Setting("humidity [%]", 70, 90)], "was never between 70 and 90"),
    ],
)
def test_impossible_settings_are_refused(
    tmp_path: Path, asked: list[Setting], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        optimise(load_dataset(oven(tmp_path)), asked, SilentProgress())


@pytest.mark.parametrize("text", ["heat", "heat=3", "heat=5:1", "=1:2", "heat=a:b"])
def test_a_setting_is_name_and_bounds(text: str) -> None:
    with pytest.raises(ConfigError, match="NAME=LOW:HIGH"):
        parse_setting(text)
    assert parse_setting("a=b [x]=1:2.5") == Setting("a=b [x]", 1.0, 2.5)
