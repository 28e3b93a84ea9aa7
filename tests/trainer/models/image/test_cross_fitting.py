"""Good parts teach a detector and choose its threshold, each judged by one that had not seen it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest

from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import SilentProgress
from trainer.data.load import load_dataset
from trainer.data.prepare import Prepared
from trainer.data.samples import Dataset
from trainer.data.split import Split
from trainer.models.image.cross_fitting import (
    FOLDS,
    MANY_FOLDS,
    Scorer,
    cross_fitted_heat,
    held_out,
    own_cut,
    with_validation,
)
from trainer.models.image.feature_maps import Floats
from trainer.models.image.patchcore import ARCHITECTURE
from trainer.models.image.symmetry import (
    LIGHTS,
    SYMMETRIES,
    find_symmetries,
    varied_copies,
)
from trainer.models.image.whole_picture import fit_whole
from trainer.models.layers.int8 import FeatureReader
from trainer.training.api import Training
from trainer.workflow.preparation import prepare_training

SIZE_PX = 64


@pytest.fixture(scope="module")
def training(plates: Path) -> Training:
    """Eighteen good plates to learn from, six to watch."""
    dataset = load_dataset(plates)
    config = dataset.config.model_copy(update={"task": "image-anomaly"})
    dataset = replace(dataset, config=config)
    good = np.flatnonzero(~dataset.is_bad())
    split = Split(dataset, good[:18], good[18:24], good[24:], "drawn")
    fit = FitConfig(model="patchcore", image=ImageTable(size_px=SIZE_PX, standardise=False))
    return prepare_training(split, fit, ARCHITECTURE, SilentProgress())


def brightness(cells: Floats) -> Scorer:
    """A judge of (N, G, G, 1): how far a cell is from the mean of those it knows."""
    mean = cells.mean()
    return lambda held: np.abs(held[..., 0] - mean)


NONE = (np.zeros(0, np.intp), np.zeros((0, 2, 2, 1), np.float32))


def test_no_part_is_left_out_twice_and_no_group_is_cut(training: Training) -> None:
    turns = held_out(training)
    groups = np.array(training.dataset.groups())[training.train.sample]
    assert np.array_equal(np.sum(turns, axis=0), np.ones(len(groups)))
    for one in turns:
        assert not set(groups[one]) & set(groups[~one])


def test_no_part_is_judged_by_one_that_knew_it(training: Training) -> None:
    """A judge that had seen its part, as float, as int8 or as a copy, would find no distance."""
    count = len(training.train.inputs)
    own = np.tile(np.arange(count, dtype=np.float32), 2)[:, None, None, None]
    copies = (np.arange(count), own)

    def fit_scorer(seen: Floats) -> Scorer:
        return lambda held: np.abs(held - seen.reshape(1, 1, -1)).min(axis=2, keepdims=True)

    assert cross_fitted_heat(training, own, copies, fit_scorer).min() >= 1


def test_a_distance_in_many_features_is_nearer_to_that_of_new_parts_by_many_folds(
    training: Training,
) -> None:
    """The truth: how far parts lie that are drawn alike, by what is fitted on all known parts."""
    random = np.random.default_rng(5)
    count, draws = len(training.train.inputs), 40
    distances = np.zeros((draws, 3))
    for row in distances:
        cells = random.normal(size=(8 * count, 1, 1, 40)).astype(np.float32)
        known = np.tile(cells[:count], (2, 1, 1, 1))
        none = (np.zeros(0, np.intp), known[:0])
        row[0] = fit_whole(known).heat(cells[count:]).mean()
        for place, folds in ((1, FOLDS // 2), (2, MANY_FOLDS)):
            heat = cross_fitted_heat(training, known, none, lambda c: fit_whole(c).heat, folds)
            row[place] = heat.mean()
    truth, few, many = distances.mean(axis=0)
    assert abs(many - truth) < 0.5 * abs(few - truth)


def test_a_lone_group_judges_itself(training: Training) -> None:
    samples = [replace(sample, group="one") for sample in training.dataset.samples]
    alone = replace(training, dataset=training.dataset.with_samples(samples))
    assert [one.all() for one in held_out(alone)] == [True]
    cells = np.ones((2 * len(training.train.inputs), 2, 2, 1), np.float32)
    assert not cross_fitted_heat(alone, cells, NONE, brightness).any()


def test_validation_parts_are_the_last_of_everything(training: Training) -> None:
    both = with_validation(training).train
    assert np.array_equal(both.inputs[18:], training.val.inputs)
    assert np.array_equal(both.sample[18:], training.val.sample)


def test_the_threshold_goes_by_the_worse_of_float_and_int8_and_by_the_worst_tile(
    training: Training,
) -> None:
    samples = np.repeat(np.arange(200), 2)
    scores = np.zeros((2, 200, 2), np.float32)
    scores[0, :, 1], scores[1, 150:, 0] = np.arange(200), 300
    inputs = np.zeros((400, 1, 1, 3), np.uint8)
    scoring = own_cut(numbered(training, inputs, samples), scores.reshape(-1)).scoring
    assert scoring.threshold == pytest.approx(300)
    assert scoring.windows == "max"
    assert "200 good" in scoring.chosen_by
    assert "without its group" in scoring.chosen_by


def test_an_odd_good_part_is_named_and_does_not_move_the_threshold(training: Training) -> None:
    scores = np.random.default_rng(0).gumbel(0, 0.1, (2, 31)).astype(np.float32)
    scores[:, 4] = 5.0
    inputs = np.zeros((31, 1, 1, 3), np.uint8)
    cut = own_cut(numbered(training, inputs, np.arange(31)), scores.reshape(-1))
    assert cut.scoring.threshold < 1
    assert "no strict bound" in cut.scoring.chosen_by
    assert "whatever their distribution" not in cut.scoring.chosen_by
    assert cut.parts.extreme == (4,)
    assert cut.parts.samples[4] == 4
    assert cut.parts.with_all > 5


def numbered(training: Training, inputs: np.ndarray, sample: np.ndarray) -> Training:
    """`inputs` as the training inputs of parts 0.png, 1.png, ..., each a group of its own."""
    one = training.dataset.samples[0]
    numbers = range(int(sample.max()) + 1)
    samples = [replace(one, path=f"{number}.png", group=str(number)) for number in numbers]
    dataset = training.dataset.with_samples(samples)
    return replace(training, dataset=dataset, train=Prepared(inputs, sample))


@pytest.mark.parametrize("name", list(SYMMETRIES))
def test_a_turn_keeps_the_shape_and_moves_the_pixels(name: str) -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3), np.uint8)
    turned = SYMMETRIES[name](images)
    assert turned.shape == images.shape
    assert not np.array_equal(turned, images)
    assert np.array_equal(np.sort(turned, axis=None), np.sort(images, axis=None))


class Mean:
    """A reader of one features: the brightness of the four corners of an image."""

    def read_float(self, inputs: np.ndarray, what: str) -> list[Floats]:
        corners = inputs[:, :: SIZE_PX - 1, :: SIZE_PX - 1].mean(axis=3, keepdims=True)
        return [corners.astype(np.float32)]

    def read_both(self, inputs: np.ndarray, what: str) -> list[Floats]:
        return [np.tile(one, (2, 1, 1, 1)) for one in self.read_float(inputs, what)]


def places(cells: Floats) -> Scorer:
    """A judge that knows what is usual at every place."""
    mean = cells.mean(axis=0)
    return lambda held: np.abs(held - mean)[..., 0]


def lit(training: Training, image: np.ndarray) -> Training:
    """Forty noisy copies of `image` as the training inputs, each a group of its own."""
    rng = np.random.default_rng(0)
    noisy = image + rng.normal(0, 8, (40, *image.shape))
    sample = training.dataset.samples[0]
    samples = [replace(sample, path=f"{number}.png", group=str(number)) for number in range(40)]
    dataset: Dataset = training.dataset.with_samples(samples)
    inputs = np.clip(noisy, 0, 255).astype(np.uint8)
    return replace(training, dataset=dataset, train=Prepared(inputs, np.arange(40)))


def test_parts_that_lie_anyhow_teach_by_turned_copies(training: Training) -> None:
    flat = lit(training, np.full((SIZE_PX, SIZE_PX, 3), 120.0))
    reader = cast("FeatureReader", Mean())
    cells = reader.read_both(flat.train.inputs, "")
    copies = varied_copies(flat, reader, cells, [places], other_light=False)
    assert len(copies.of) == len(SYMMETRIES) * 40
    assert copies.cells[0].shape == (2 * len(SYMMETRIES) * 40, 2, 2, 1)


def test_parts_that_always_lie_alike_are_not_turned(training: Training) -> None:
    shaded = np.full((SIZE_PX, SIZE_PX, 3), 120.0)
    shaded[:, : SIZE_PX // 2] = 200
    one_sided = lit(training, shaded)
    reader = cast("FeatureReader", Mean())
    cells = reader.read_both(one_sided.train.inputs, "")
    assert find_symmetries(one_sided, reader, cells, [places]) == ["upside down"]


def test_parts_that_always_lie_alike_are_learnt_under_other_light(training: Training) -> None:
    tilted = np.full((SIZE_PX, SIZE_PX, 3), 60.0)
    tilted[: SIZE_PX // 2, : SIZE_PX // 2] = 200
    alike = lit(training, tilted)
    reader = cast("FeatureReader", Mean())
    cells = reader.read_both(alike.train.inputs, "")
    assert find_symmetries(alike, reader, cells, [places]) == []
    copies = varied_copies(alike, reader, cells, [places], other_light=True)
    assert np.bincount(copies.of).tolist() == [LIGHTS] * 40
    floats = copies.cells[0][: 40 * LIGHTS]
    apart = np.abs(floats - cells[0][copies.of]) / cells[0][copies.of]
    assert 0.05 < np.median(apart) < 0.3
    without = varied_copies(alike, reader, cells, [places], other_light=False)
    assert len(without.of) == 0


def test_few_parts_are_not_turned(training: Training) -> None:
    reader = cast("FeatureReader", Mean())
    few = replace(training, train=Prepared(training.train.inputs[:8], training.train.sample[:8]))
    cells = reader.read_both(few.train.inputs, "")
    copies = varied_copies(few, reader, cells, [places], other_light=False)
    assert len(copies.of) == 0
    assert copies.cells[0].shape == (0, 2, 2, 1)
