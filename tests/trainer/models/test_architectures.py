"""What --config gives in [options]: refused for a model that has no such key, with its place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from trainer.config.fit import FitConfig
from trainer.data.load import load_dataset
from trainer.models.architectures import architectures, choose_architecture, options_of


@pytest.mark.parametrize(
    ("model", "key", "said"),
    [
        ("cnn", "foreground", "is an option of auto-anomaly, padim, patchcore"),
        ("cnn", "aspect", "is an option of auto-anomaly, padim, patchcore, transfer"),
        ("padim", "size_px", "stands under [image]"),
        ("conv1d", "window_samples", "stands under [vibration]"),
        ("padim", "epochs", "stands above all tables"),
    ],
)
def test_a_key_that_the_model_has_not_is_told_where_it_belongs(
    model: str, key: str, said: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        options_of(architectures()[model], FitConfig(options={key: "on"}))
    assert f"[options] of {model}: unknown key {key!r}" in str(refused.value)
    assert f"{key} {said}" in str(refused.value)


def test_a_misspelt_option_gets_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"'forground', did you mean 'foreground'\?: correct it$"):
        options_of(architectures()["padim"], FitConfig(options={"forground": "on"}))


def test_options_of_another_model_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "worn").mkdir()
    np.savez(tmp_path / "worn" / "0.npz", x=np.sin(np.arange(512)), fs=100.0)
    dataset = load_dataset(tmp_path)
    with pytest.raises(ConfigError, match="of conv1d: unknown key 'ridge'"):
        choose_architecture(FitConfig(options={"ridge": 1.0}), dataset)
