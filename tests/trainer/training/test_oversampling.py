from __future__ import annotations

import numpy as np

from trainer.training.gradient import epoch_order


def test_oversampling_shows_every_class_equally_and_every_sample() -> None:
    targets = np.repeat([0, 1, 2], [50, 10, 7])
    order = epoch_order(targets, True, np.random.default_rng(0))
    assert np.bincount(targets[order]).tolist() == [50, 50, 50]
    seen = np.bincount(order, minlength=67)
    assert seen.min() >= 1
    assert np.ptp(seen[50:60]) <= 1


def test_a_very_rare_class_is_not_repeated_beyond_the_limit() -> None:
    targets = np.repeat([0, 1], [1000, 3])
    order = epoch_order(targets, True, np.random.default_rng(0))
    assert np.bincount(targets[order]).tolist() == [1000, 30]


def test_without_oversampling_every_sample_comes_once() -> None:
    order = epoch_order(np.repeat([0, 1], [9, 2]), False, np.random.default_rng(0))
    assert sorted(order.tolist()) == list(range(11))
