"""A model that learns from good samples alone says the task of a folder without dataset.toml."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError
from trainer.config.fit import FitConfig
from trainer.models.architectures import choose_architecture
from trainer.workflow.asked_dataset import load_asked


def write_pictures(root: Path, *labels: str) -> None:
    rng = np.random.default_rng(0)
    for label in labels:
        (root / label).mkdir(parents=True)
        for k in range(3):
            picture = rng.integers(0, 255, (16, 16), np.uint8)
            cv2.imwrite(str(root / label / f"{k}.png"), picture)


@pytest.mark.parametrize("model", ["auto-anomaly", "patchcore", "padim", "autoencoder", "patches"])
def test_class_folders_are_learnt_from_good_ones_where_the_model_asks(
    tmp_path: Path, model: str
) -> None:
    write_pictures(tmp_path, "good", "crack")
    config = FitConfig(model=model)
    dataset = load_asked(tmp_path, config)
    assert dataset.config.task == "image-anomaly"
    assert dataset.config.good == ["good"]
    assert choose_architecture(config, dataset).name in dataset.decisions[-1]


@pytest.mark.parametrize("model", ["auto", "transfer", "cnn", "conv1d", "nonsense"])
def test_other_models_leave_the_task_of_the_layout(tmp_path: Path, model: str) -> None:
    write_pictures(tmp_path, "good", "crack")
    assert load_asked(tmp_path, FitConfig(model=model)).config.task == "image-class"


def test_a_stated_task_stays_and_the_refusal_says_what_to_write(tmp_path: Path) -> None:
    write_pictures(tmp_path, "good", "crack")
    (tmp_path / "dataset.toml").write_text('task = "image-class"\ngood = ["good"]\n')
    config = FitConfig(model="patchcore")
    with pytest.raises(ConfigError, match="'patchcore' does not do image-class") as refusal:
        choose_architecture(config, load_asked(tmp_path, config))
    assert 'task = "image-anomaly", and your good labels as good = [...]' in str(refusal.value)
    assert "known are cnn, local, transfer" in str(refusal.value)


def test_a_file_without_a_task_leaves_it_to_the_model(tmp_path: Path) -> None:
    write_pictures(tmp_path, "a1", "crack")
    (tmp_path / "dataset.toml").write_text('good = ["a1"]\n')
    assert load_asked(tmp_path, FitConfig(model="patchcore")).config.task == "image-anomaly"
    assert load_asked(tmp_path, FitConfig(model="transfer")).config.task == "image-class"


def test_without_a_good_label_the_task_stays(tmp_path: Path) -> None:
    write_pictures(tmp_path, "scratch", "crack")
    config = FitConfig(model="patchcore")
    with pytest.raises(ConfigError, match="image-anomaly"):
        choose_architecture(config, load_asked(tmp_path, config))


def test_a_classifier_on_good_pictures_alone_is_told_the_task(tmp_path: Path) -> None:
    write_pictures(tmp_path / "train", "good")
    write_pictures(tmp_path / "test", "good", "crack")
    config = FitConfig(model="transfer")
    with pytest.raises(ConfigError, match='task = "image-class" into'):
        choose_architecture(config, load_asked(tmp_path, config))
