"""Passes over cells in one call are Keras's own steps, each time from the same beginning."""

from __future__ import annotations

import numpy as np
import pytest

from trainer.models.image.cell_learner import EPOCHS, ROWS, STEPS, CellLearner
from trainer.models.image.feature_maps import Floats
from trainer.training.gradient import seed_everything

WIDTH, KINDS, SEED = 12, 2, 3


def some_cells(count: int, seed: int) -> tuple[Floats, Floats, Floats]:
    """Cells, which kinds of defects they show, and weights; more of them than one step takes."""
    rng = np.random.default_rng(seed)
    cells = rng.normal(size=(count, WIDTH)).astype(np.float32)
    bad = (cells[:, :KINDS] > 0.5).astype(np.float32)
    return cells, bad, rng.uniform(0.5, 2, count).astype(np.float32)


def by_keras(given: tuple[Floats, Floats, Floats]) -> list[list[Floats]]:
    """The same fit by Keras, a call for each step."""
    learner = CellLearner(WIDTH, KINDS, SEED)
    network, count = learner.network, len(given[0])
    once = -(-count // ROWS)
    epochs = max(EPOCHS, -(-STEPS // once))
    network.optimizer._learning_rate.decay_steps = float(epochs * once)
    rng = np.random.default_rng(SEED)
    for _ in range(epochs):
        order = rng.permutation(count)
        for start in range(0, count, ROWS):
            cells, bad, weight = (one[order[start : start + ROWS]] for one in given)
            network.train_on_batch(cells, bad, weight)
    return [layer.get_weights() for layer in network.layers if layer.weights]


@pytest.fixture(scope="module", autouse=True)
def seeded() -> None:
    seed_everything(SEED)


def test_a_fit_takes_the_steps_of_keras() -> None:
    given = some_cells(ROWS + 100, seed=0)
    found, wanted = CellLearner(WIDTH, KINDS, SEED).fit(*given), by_keras(given)
    for layer, other in zip(found, wanted, strict=True):
        for one, as_by_keras in zip(layer, other, strict=True):
            np.testing.assert_allclose(one, as_by_keras, atol=1e-5)


def test_fits_know_nothing_of_one_another() -> None:
    learner, given = CellLearner(WIDTH, KINDS, SEED), some_cells(ROWS + 100, seed=0)
    first = learner.fit(*given)
    learner.fit(*some_cells(ROWS // 2, seed=1))
    again = learner.fit(*given)
    for layer, other in zip(first, again, strict=True):
        for one, as_before in zip(layer, other, strict=True):
            np.testing.assert_array_equal(one, as_before)
