"""The head of a transferred network: which features it takes, and what it makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from trainer.console.progress import SilentProgress
from trainer.models.image import linear_head
from trainer.models.image.linear_head import RIDGES, Choice, choose, regress
from trainer.models.layers.softmax import standardised

RNG = np.random.default_rng(0)
TARGETS = np.repeat([0, 1, 2], 40)
TELLING = (np.eye(3)[TARGETS] + RNG.normal(size=(120, 3)) * 0.2).astype(np.float32)
NOISE = RNG.normal(size=(120, 3)).astype(np.float32)
LAYERS = [(0,), (1,)]


def _groups(each: int) -> NDArray[np.str_]:
    return np.array([f"part {place // each}" for place in range(len(TARGETS))])


def test_the_layer_that_tells_is_chosen() -> None:
    choice = choose([NOISE, TELLING], TARGETS, _groups(1), 3, LAYERS, True, SilentProgress())
    assert choice.layers == (1,)
    assert choice.right > 0.9
    assert choice.logits is not None
    assert (choice.logits.argmax(axis=1) == TARGETS).mean() == pytest.approx(choice.right)


def test_a_layer_that_only_knows_the_group_is_not() -> None:
    groups = _groups(10)
    names = np.unique(groups, return_inverse=True)[1]
    fingerprint = RNG.normal(size=(12, 3))[names].astype(np.float32)
    choice = choose([fingerprint, TELLING], TARGETS, groups, 3, LAYERS, True, SilentProgress())
    assert choice.layers == (1,)


def test_a_class_of_one_group_leaves_the_first_choice() -> None:
    groups = np.where(TARGETS == 2, "lot", _groups(1))
    choice = choose([NOISE, TELLING], TARGETS, groups, 3, LAYERS, True, SilentProgress())
    assert choice.layers == (0,)
    assert np.isnan(choice.right)


def test_the_regression_answers_and_never_with_a_label_it_has_not_seen() -> None:
    choice = choose([TELLING], TARGETS, _groups(1), 3, [(0,)], True, SilentProgress())
    head = regress([TELLING], TARGETS, np.ones(120), 4, choice, True)
    logits = TELLING @ head.kernels[0] + head.bias
    assert (logits.argmax(axis=1) == TARGETS).mean() > 0.95
    assert logits[:, 3].max() < logits[:, :3].max(axis=1).min()


def test_a_heavy_sample_pulls_more() -> None:
    choice = choose([TELLING], TARGETS, _groups(1), 3, [(0,)], False, SilentProgress())
    weights = np.where(TARGETS == 0, 50.0, 1.0)
    even = regress([TELLING], TARGETS, np.ones(120), 3, choice, False)
    heavy = regress([TELLING], TARGETS, weights, 3, choice, False)
    told = [np.mean((TELLING @ h.kernels[0] + h.bias).argmax(axis=1) == 0) for h in (even, heavy)]
    assert told[1] >= told[0]
    assert heavy.bias[0] > even.bias[0] or heavy.bias[0] == pytest.approx(even.bias[0])


def test_more_features_than_rows_change_nothing_but_the_work() -> None:
    few = np.concatenate([np.arange(0, 6), np.arange(40, 46), np.arange(80, 86)])
    wide = (TELLING[few] @ RNG.normal(size=(3, 200))).astype(np.float32)
    wide += RNG.normal(size=wide.shape).astype(np.float32) * 0.1
    choice = Choice((0,), 0.03)
    short = regress([wide], TARGETS[few], np.ones(18), 3, choice, True)
    twice = regress(
        [np.tile(wide, (6, 1))], np.tile(TARGETS[few], 6), np.full(108, 1 / 6), 3, choice, True
    )
    np.testing.assert_allclose(
        wide @ short.kernels[0] + short.bias, wide @ twice.kernels[0] + twice.bias, atol=0.02
    )


def test_a_weak_penalty_is_solved_from_the_stronger_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """In a hundred steps as low an objective as Newton's method of scikit-learn reaches, of
    features that differ by a thousand times in what they tell.
    """
    monkeypatch.setattr(linear_head, "STEPS", 100)
    random = np.random.default_rng(3)
    causes = random.normal(size=(150, 12)) * np.geomspace(1, 1e-3, 12)
    rows = (causes @ random.normal(size=(12, 400))).astype(np.float32)
    targets = (causes @ np.geomspace(1, 1e3, 12) + random.normal(size=150) > 0).astype(np.int64)
    head = regress([rows], targets, np.ones(150), 2, Choice((0,), RIDGES[-1]), False)
    even, _, spread = standardised([rows])
    reference = LogisticRegression(C=2 * RIDGES[-1], solver="newton-cholesky", max_iter=1000)
    reference.fit(even.astype(np.float64), targets)
    own = np.diff(head.kernels[0] * spread[:, None], axis=1)[:, 0]
    logits = np.diff(rows @ head.kernels[0] + head.bias, axis=1)[:, 0]

    def objective(slopes: NDArray[np.floating], logits: NDArray[np.floating]) -> float:
        losses = np.logaddexp(0, np.where(targets == 1, -logits, logits))
        return float(losses.sum() + (slopes**2).sum() / (4 * RIDGES[-1]))

    best = objective(reference.coef_[0], reference.decision_function(even))
    assert objective(own, logits) <= 1.05 * best
