"""The head of a transferred network: which features it takes, and what it makes of them."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from trainer.console.progress import SilentProgress
from trainer.models.image.linear_head import Choice, choose, regress

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
