from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import ConfigError
from trainer.config.fit import FitConfig
from trainer.config.toml import did_you_mean, read_toml, to_toml
from trainer.data.dataset_toml import DatasetConfig


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", 'epoch: unknown key: did you mean "epochs"?'),
        ("[image]\nsize = 3", 'image.size: unknown key: did you mean "size_px"?'),
        ("epochs = -1", "greater than or equal to 0 (found -1)"),
        ('[image]\naugment = ["spin"]', "found 'spin'"),
        ("epochs = ", "is not TOML"),
    ],
    ids=["key", "nested key", "bound", "choice", "syntax"],
)
def test_wrong_configuration_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "fit.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_toml(FitConfig, tmp_path / "fit.toml")
    assert str(tmp_path / "fit.toml") in str(caught.value)
    assert message in str(caught.value)


def test_missing_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "dataset.toml").write_text('good = ["ok"]')
    with pytest.raises(ConfigError, match="task: is missing"):
        read_toml(DatasetConfig, tmp_path / "dataset.toml")


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"fit\.toml: cannot be read"):
        read_toml(FitConfig, tmp_path / "fit.toml")


def test_what_is_written_reads_back(tmp_path: Path) -> None:
    config = FitConfig(
        model="cnn", held_out=["3", 'a"b'], options={"width": 2, "free": [1.5, "x"], "on": True}
    )
    (tmp_path / "fit.toml").write_text(to_toml(config.model_dump(exclude_none=True)))
    assert read_toml(FitConfig, tmp_path / "fit.toml") == config


def test_a_far_word_gets_the_list() -> None:
    assert did_you_mean("zzz", ["load", "bearing"]) == "known are load, bearing"
