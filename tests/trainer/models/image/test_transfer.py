"""Transfer on small drawn plates with a random backbone: what learns, and what stays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.int8 import convert_images
from edge_agent.contracts.image.input import ImageInput
from edge_agent.infer.runtime_choice import open_runtime
from quantize.graph.read import parse_graph
from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.split import plan_split
from trainer.models.image import transfer
from trainer.models.image.backbone import BACKBONES, JOINED
from trainer.models.image.efficientnet_lite0 import NAME, packaged_weights
from trainer.models.image.pooling import LAYERS, feature_extractor, float_features, int8_features
from trainer.models.layers.int8 import converted
from trainer.training.api import Training
from trainer.training.predict import predict
from trainer.workflow.experiment import Experiment, run_experiment
from trainer.workflow.preparation import prepare_training, resolve

CONFIG = FitConfig(
    model="transfer", weights="none", epochs=1, batch=8, image=ImageTable(size_px=64)
)
OPTIONS = transfer.TransferOptions(augmented_copies=1, tta_views=1)


@pytest.fixture(scope="module")
def training(plates: Path, lively_weights: str) -> Training:
    chosen = CONFIG.model_copy(update={"weights": lively_weights})
    split = plan_split(load_dataset(plates), chosen)
    architecture, config = resolve(split, chosen)
    return prepare_training(split, config, architecture, SilentProgress())


@pytest.mark.slow
def test_looks_are_compared_by_what_is_right_out_of_fold(training: Training) -> None:
    looks = [transfer.TransferOptions(layers="middle", tta_views=views) for views in (1, 4)]
    several = [replace(training, options=one) for one in looks]
    assert all(0.5 < one <= 1 for one in transfer.merits(several))


@pytest.mark.slow
@pytest.mark.skipif(packaged_weights() is None, reason="no packaged weights")
def test_backbones_are_judged_side_by_side_and_a_joined_one_by_the_pools_of_both(
    training: Training, lively_weights: str
) -> None:
    looks = [
        ("mobilenet_v2", lively_weights, "middle", 1),
        (NAME, NAME, "middle", 1),
        (JOINED, lively_weights, "middle", 1),
        ("mobilenet_v2", lively_weights, "texture", 4),
        (JOINED, lively_weights, "texture", 1),
    ]
    several = [
        replace(
            training,
            config=training.config.model_copy(update={"backbone": backbone, "weights": file}),
            options=transfer.TransferOptions(layers=layers, tta_views=views),
        )
        for backbone, file, layers, views in looks
    ]
    worth = transfer.merits(several)
    assert min(worth[:4]) > 0.5
    assert np.isnan(worth[4]), "its texture would have to be computed"


def test_looks_of_a_random_backbone_are_not_compared(training: Training) -> None:
    blind = replace(training, config=training.config.model_copy(update={"weights": "none"}))
    assert np.isnan(transfer.merits([blind])).all()


@pytest.mark.slow
def test_the_head_is_right_in_float_and_in_int8(training: Training) -> None:
    network, choice = transfer.fit_head(training, OPTIONS)
    inputs, targets = training.train.inputs, training.train_targets
    logits = predict(network, inputs)
    assert (logits.argmax(axis=1) == targets).mean() > 0.9
    runtime = open_runtime(convert_images(network, transfer.calibration_of(training)))
    coarse = np.concatenate([runtime.invoke([one[None]])[0] for one in inputs])
    assert coarse.dtype == np.float32
    assert (coarse.argmax(axis=1) == targets).mean() > 0.9
    assert choice.right > 0.9


def test_a_network_ends_at_the_highest_layer_that_is_read() -> None:
    spec = ImageInput(width_px=32, height_px=32, channels=3)
    options = [transfer.TransferOptions(layers=name) for name in ("lower", "upper")]
    lower, upper = (transfer.build(spec, 2, CONFIG, one) for one in options)
    assert lower.count_params() < 0.3 * upper.count_params()


def test_only_the_upper_blocks_thaw_and_no_batch_norm(training: Training) -> None:
    import keras

    wide = OPTIONS.model_copy(update={"layers": "wide"})
    network = transfer.build(training.spec, 2, training.config, wide)
    transfer.thaw(network, BACKBONES["mobilenet_v2"].upper)
    (backbone,) = (one for one in network.layers if isinstance(one, keras.Model))
    thawed = {layer.name for layer in backbone.layers if layer.trainable}
    assert "block_6_expand" in thawed
    assert "block_16_project" in thawed
    assert "block_5_project" not in thawed
    assert not [name for name in thawed if name.endswith("BN")]


def test_pictures_are_read_in_int8_by_their_views_as_in_float(training: Training) -> None:
    views, inputs = 4, training.train.inputs[:19]
    extractor = feature_extractor(training.spec, training.config, LAYERS["lower"], views)
    payload = converted(extractor, transfer.calibration_of(training))
    plain = float_features(extractor, inputs, views, training)
    rounded = int8_features(extractor, payload, inputs, views, training, "x")
    for one, other in zip(plain, rounded, strict=True):
        assert one.shape == other.shape == (19, one.shape[1])
        assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.98


@pytest.mark.slow
def test_four_test_time_views_give_the_same_for_a_mirrored_image_also_from_a_file_and_in_int8(
    training: Training, tmp_path: Path
) -> None:
    import keras

    four = OPTIONS.model_copy(update={"tta_views": 4, "layers": "mixed"})
    network = transfer.build(training.spec, 2, training.config, four)
    network.save(tmp_path / "model.keras")
    network = keras.models.load_model(tmp_path / "model.keras")
    inputs = training.train.inputs[:4]
    logits = predict(network, inputs)
    for mirrored in (inputs[:, ::-1], inputs[:, :, ::-1]):
        np.testing.assert_allclose(predict(network, mirrored), logits, rtol=1e-3, atol=1e-3)
    payload = convert_images(network, transfer.calibration_of(training))
    means = [one for one in parse_graph(payload, "four").tensors if "float_tta_views" in one.name]
    assert {one.dtype for one in means if not one.constant} == {"FLOAT32"}
    runtime = open_runtime(payload)
    coarse = np.concatenate([runtime.invoke([one[None]])[0] for one in inputs])
    assert np.abs(coarse - logits).max() < 0.2 * np.abs(logits).max()


@pytest.mark.slow
def test_the_head_is_fitted_on_validation_images_too_and_scored_by_cross_fitted_heads(
    training: Training,
) -> None:
    fit = transfer.fit(replace(training, options=OPTIONS.model_copy(update={"layers": "lower"})))
    assert fit.cross_fitted is not None
    assert fit.cross_fitted.shape == (len(training.val.inputs), 2)
    assert fit.out_of_fold is not None
    np.testing.assert_array_equal(fit.out_of_fold[len(training.train.inputs) :], fit.cross_fitted)
    own = predict(fit.model, training.val.inputs)
    assert (own.argmax(axis=1) == training.val_targets).mean() > 0.9
    assert np.abs(own - fit.cross_fitted).max() > 0.01


@pytest.fixture(scope="module")
def fitted(plates: Path, lively_weights: str) -> Callable[[], Experiment]:
    def fit() -> Experiment:
        options = {"augmented_copies": 0, "tune": "upper", "layers": "lower", "tta_views": 1}
        config = CONFIG.model_copy(update={"options": options, "weights": lively_weights})
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
