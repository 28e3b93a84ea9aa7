from __future__ import annotations

import json
from pathlib import Path

import pytest

from edge_agent.contracts.core.toml import read_toml
from trainer.__main__ import main
from trainer.config.fit import FitConfig
from trainer.workflow.tune import configured


def test_settings_become_a_configuration() -> None:
    settings = {"learning_rate": 0.001, "batch": 16, "oversample": True, "augment": "geometry"}
    found = configured(FitConfig(), settings, image=True)
    assert found.image.augment == ["flip", "rotate"]
    assert (found.batch, found.oversample, found.learning_rate) == (16, True, 0.001)


@pytest.mark.slow
def test_tune_writes_a_configuration_and_goes_on_where_it_stopped(
    plates: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "fit.toml"
    config.write_text("[image]\nsize_px = 32\n")
    out = tmp_path / "tuned"
    words = ["tune", str(plates), "--out", str(out), "--epochs", "1", "--config", str(config)]
    assert main([*words, "--trials", "2", "--json"]) == 0
    first = json.loads(capsys.readouterr().out)
    assert len(first["trials"]) == 2
    best = read_toml(out / "fit.toml", FitConfig)
    assert best.image.size_px == 32
    assert best.learning_rate == pytest.approx(first["trials"][0]["learning_rate"])
    assert main([*words, "--trials", "3", "--json"]) == 0
    again = json.loads(capsys.readouterr().out)
    assert len(again["trials"]) == 3
    assert all(trial in again["trials"] for trial in first["trials"])
