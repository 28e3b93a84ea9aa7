from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.core.errors import ConfigError
from edge_agent.contracts.core.toml import read_toml, toml_text
from trainer.config.fit import FitConfig


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch = 3", "unknown key 'epoch', did you mean 'epochs'?"),
        ("[image]\nsize = 3", "image: unknown key 'size', did you mean 'size_px'?"),
        ("epochs = -1", "greater than or equal to 0 (found -1)"),
        ('[image]\naugment = ["spin"]', "found 'spin'"),
    ],
    ids=["key", "nested key", "bound", "choice"],
)
def test_a_wrong_fit_toml_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "fit.toml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        read_toml(tmp_path / "fit.toml", FitConfig)
    assert message in str(caught.value)


@pytest.mark.parametrize("fit", ["pad", "crop"])
def test_what_is_cut_out_can_only_be_stretched(tmp_path: Path, fit: str) -> None:
    path = tmp_path / "fit.toml"
    path.write_text(f'[image]\ncut_out = true\nfit = "{fit}"')
    with pytest.raises(ConfigError) as caught:
        read_toml(path, FitConfig)
    said = str(caught.value)
    assert 'image: the box of a part that is cut out is stretched: set fit = "stretch", or' in said
    assert "fit.toml" in said
    assert caught.value.cure
    for fine in ("cut_out = false\n" + f'fit = "{fit}"', f'fit = "{fit}"', "cut_out = true"):
        path.write_text(f"[image]\n{fine}")
        read_toml(path, FitConfig)


def test_a_fit_config_reads_back_as_written(tmp_path: Path) -> None:
    config = FitConfig(
        model="cnn", held_out=["3", 'a"b'], options={"width": 2, "free": [1.5, "x"], "on": True}
    )
    (tmp_path / "fit.toml").write_text(toml_text(config.model_dump(exclude_none=True)))
    assert read_toml(tmp_path / "fit.toml", FitConfig) == config
