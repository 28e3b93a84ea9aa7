"""The synthetic defect head: what its graph computes, and that it learns from the defects."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.split import Split
from trainer.models.image import padim as gaussian
from trainer.models.image.backbone import NETWORK, scaled_rgb
from trainer.models.image.cell_learner import CellLearner
from trainer.models.image.feature_maps import FEATURES as OF_DETECTOR
from trainer.models.image.feature_maps import Floats, listed
from trainer.models.image.padim import PadimOptions
from trainer.models.image.synthetic_defect_head import (
    FEATURES,
    FittedHead,
    Rows,
    _drawn,
    _rows,
    fit_head_on_defects,
    fit_rows,
    head_network,
    set_head,
)
from trainer.models.layers.int8 import FeatureReader
from trainer.training.api import Training
from trainer.workflow.preparation import prepare_training, resolve

if TYPE_CHECKING:
    import keras

SIZE_PX, SIDE = 64, 2


@pytest.fixture(scope="module")
def training(plates: Path, small_backbone: None) -> Training:
    dataset = load_dataset(plates)
    config = dataset.config.model_copy(update={"task": "image-anomaly"})
    dataset = replace(dataset, config=config)
    good = np.flatnonzero(~dataset.is_bad())
    split = Split(dataset, good[:18], good[18:30], good[30:], "drawn")
    image = ImageTable(size_px=SIZE_PX)
    fit = FitConfig(model="padim", weights="none", image=image)
    architecture, fit = resolve(split, fit)
    return prepare_training(split, fit, architecture, SilentProgress())


@pytest.fixture(scope="module")
def network(training: Training) -> keras.Model:
    return gaussian.build(training.spec, 1, training.config, PadimOptions(dimensions=8))


@pytest.fixture(scope="module")
def reader(training: Training, network: keras.Model) -> FeatureReader:
    return FeatureReader(network, training)


@pytest.fixture(scope="module")
def fitted(training: Training, reader: FeatureReader) -> FittedHead:
    good = reader.read_both(training.train.inputs, "x", FEATURES, np.float16)
    return fit_head_on_defects(training, reader, good, (SIDE, SIDE), other_light=True)


def heat(fitted: FittedHead, features: list[Floats], scale: tuple[float, float]) -> Floats:
    head = head_network([one.shape[1:] for one in features], SIDE)
    set_head(head, fitted.weights, scale)
    return np.asarray(head.predict_on_batch(features))


@pytest.fixture(scope="module")
def taught() -> FittedHead:
    """Bad cells stand out by one feature of 8 px and one of 16 px, each of another size."""
    rng = np.random.default_rng(0)
    cells = rng.normal(size=(600, 8)).astype(np.float32) * np.float32([1, 9, 1, 1, 1, 0.1, 1, 1])
    bad = np.repeat(np.float32([0, 1]), 300)
    cells[300:, 1] += 27
    cells[300:, 5] += 0.3
    rows = Rows(cells, bad, np.zeros(600, np.intp))
    return FittedHead(np.zeros(0), fit_rows(CellLearner(8, 1, seed=1), rows, fine=4))


def test_the_graph_tells_what_its_rows_taught(taught: FittedHead) -> None:
    fine, coarse = np.zeros((3, 8, 8, 4), np.float32), np.zeros((3, 4, 4, 4), np.float32)
    fine[1, :3, :3, 1] += 27
    coarse[1, 0, 0, 1] += 0.3
    fine[2, :, :, 0] += 1
    good, defective, other = heat(taught, [fine, coarse], (1.0, 0.0))
    assert defective[0, 0] > 1 > good.max()
    assert defective[1, 1] < 0
    assert other.max() < 0


@pytest.mark.slow
def test_good_parts_are_judged_as_float_and_as_int8(training: Training, fitted: FittedHead) -> None:
    count = len(training.train.inputs)
    assert fitted.heat.shape == (2 * count, SIDE, SIDE)
    plain, rounded = np.split(fitted.heat, 2)
    assert np.abs(plain - rounded).max() > 0
    assert np.corrcoef(plain.ravel(), rounded.ravel())[0, 1] > 0.5


def test_a_scale_moves_the_heat_and_nothing_else(taught: FittedHead) -> None:
    rng = np.random.default_rng(1)
    features = [rng.normal(size=(5, side, side, 4)).astype(np.float32) for side in (8, 4)]
    plain, scaled = (heat(taught, features, scale) for scale in ((1.0, 0.0), (0.5, 2.0)))
    np.testing.assert_allclose(scaled, 0.5 * plain + 2, rtol=1e-3, atol=1e-3)


def test_rows_name_the_part_they_come_from(training: Training, reader: FeatureReader) -> None:
    """So a head that is fitted without a part is fitted without its synthetic defects too."""
    good = reader.read_both(training.train.inputs, "x", FEATURES, np.float16)
    assert good[0].dtype == np.float16
    rows = _rows(training, reader, good, other_light=True)
    count = len(training.train.inputs)
    assert set(rows.part) == set(range(count))
    assert len(set(rows.part[rows.bad > 0])) > count / 2  # a thin defect fills no cell
    one = np.arange(count) == 3
    assert set(rows.of(one).part) == {3}
    assert len(rows.of(one).bad) + len(rows.of(~one).bad) == len(rows.bad)


def test_layers_that_are_read_together_give_what_each_gives(
    training: Training, reader: FeatureReader
) -> None:
    inputs = training.train.inputs[:5]
    layers = {OF_DETECTOR: np.float32, FEATURES: np.float16}
    together = reader.read_both_of(inputs, "x", layers)
    for found, (name, dtype) in zip(together, layers.items(), strict=True):
        alone = reader.read_both(inputs, "x", name, dtype)
        assert [one.dtype for one in found] == [dtype] * len(alone)
        for one, other in zip(found, alone, strict=True):
            np.testing.assert_allclose(
                one.astype(np.float32), other.astype(np.float32), rtol=2e-3, atol=1e-3
            )


def test_what_is_read_in_float_is_what_keras_computes(
    training: Training, reader: FeatureReader, network: keras.Model
) -> None:
    import keras

    inputs = training.train.inputs[:5]
    pixels = keras.Input(training.spec.shape)
    taps = network.get_layer(NETWORK)(scaled_rgb(pixels))
    whole = keras.Model(pixels, network.get_layer(OF_DETECTOR)(taps))
    wanted = listed(whole.predict_on_batch(inputs.astype(np.float32)))
    found = reader.read_float(inputs, "x")
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


def test_only_allowed_cells_are_drawn() -> None:
    fine = np.arange(2 * 16, dtype=np.float32).reshape(2, 4, 4, 1)
    coarse = np.arange(2 * 4, dtype=np.float32).reshape(2, 2, 2, 1)
    allowed = np.zeros((1, 4, 4), np.bool_)
    allowed[0, 3, 1] = True
    rng = np.random.default_rng(0)
    rows = _drawn([fine, coarse], allowed, np.array([7]), 5, rng, bad=True)
    assert rows.cells.tolist() == [[13, 2], [29, 6]]
    assert rows.bad.tolist() == [1, 1]
    assert rows.part.tolist() == [7, 7]
    nothing = _drawn([fine, coarse], ~allowed & allowed, np.array([7]), 5, rng, bad=True)
    assert len(nothing.bad) == 0
    assert isinstance(nothing, Rows)
