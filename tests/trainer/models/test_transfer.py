"""Transfer on small drawn plates with a random backbone: what learns, and what stays."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.image import ImageInput
from trainer.config import FitConfig, ImageTable
from trainer.data.load import load_dataset
from trainer.data.splits import plan_split
from trainer.experiment import Experiment, prepare_training, resolve, run_experiment
from trainer.gradient import predict
from trainer.models import transfer
from trainer.models.registry import Training
from trainer.progress import Silent

CONFIG = FitConfig(
    model="transfer", weights="none", epochs=1, batch=8, image=ImageTable(size_px=64)
)


@pytest.fixture(scope="module")
def training(plates: Path, lively_weights: str) -> Training:
    chosen = CONFIG.model_copy(update={"weights": lively_weights})
    split = plan_split(load_dataset(plates), chosen)
    architecture, config = resolve(split, chosen)
    return prepare_training(split, config, architecture, Silent())


def _network(training: Training) -> object:
    spec, config = training.spec, training.config
    return transfer.build(spec, len(training.labels), config, training.options)


def test_the_head_is_the_regression_on_pooled_features(training: Training) -> None:
    network = _network(training)
    transfer.fit_head(network, training, views=1)  # type: ignore[arg-type]
    logits = predict(network, training.train.inputs)  # type: ignore[arg-type]
    right = (logits.argmax(axis=1) == training.train_targets).mean()
    assert np.isfinite(logits).all()
    assert right > 0.9


def test_only_the_upper_blocks_thaw_and_no_batch_norm(training: Training) -> None:
    import keras

    network = _network(training)
    transfer.thaw(network, transfer.FIRST_TUNED["upper"])  # type: ignore[arg-type]
    (backbone,) = (one for one in network.layers if isinstance(one, keras.Model))  # type: ignore[attr-defined]
    thawed = {layer.name for layer in backbone.layers if layer.trainable}
    assert "block_6_expand" in thawed
    assert "block_16_project" in thawed
    assert "block_5_project" not in thawed
    assert not [name for name in thawed if name.endswith("BN")]


@pytest.fixture(scope="module")
def fitted(plates: Path, lively_weights: str) -> Callable[[], Experiment]:
    def fit() -> Experiment:
        config = CONFIG.model_copy(update={"options": {"views": 1}, "weights": lively_weights})
        return run_experiment(plan_split(load_dataset(plates), config), config, "plates")

    return fit


@pytest.mark.slow
def test_a_fit_tells_the_head_and_every_epoch(fitted: Callable[[], Experiment]) -> None:
    history = fitted().fitted.history
    assert [row["epoch"] for row in history] == [0, 1]
    assert all(np.isfinite(row["val_loss"]) for row in history)


def test_grey_pixels_are_repeated() -> None:
    spec = ImageInput(width_px=32, height_px=32, channels=1)
    network = transfer.build(spec, 2, CONFIG, transfer.TransferOptions())
    assert network.input_shape == (None, 32, 32, 1)
    assert network.output_shape == (None, 2)
