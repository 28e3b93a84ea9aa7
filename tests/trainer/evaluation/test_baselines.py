from __future__ import annotations

import numpy as np

from trainer.evaluation.baselines import AT_ONCE, nearest, nearest_distance


def test_nearest_and_strangeness_agree_with_the_plain_computation() -> None:
    rng = np.random.default_rng(0)
    train, test = rng.normal(size=(50, 3)), rng.normal(size=(AT_ONCE + 7, 3))
    targets = rng.integers(0, 3, 50)
    mean, spread = train.mean(axis=0), train.std(axis=0)
    known, asked = (train - mean) / spread, (test - mean) / spread
    distances = np.linalg.norm(asked[:, None] - known[None], axis=2)
    assert np.array_equal(nearest(train, targets, test), targets[distances.argmin(axis=1)])
    np.testing.assert_allclose(nearest_distance(train, test), distances.min(axis=1), atol=1e-6)
