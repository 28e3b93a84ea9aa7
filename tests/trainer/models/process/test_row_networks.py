"""Networks on process rows, untrained: what they compute is what their layers say."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from trainer.config.fit import FitConfig
from trainer.models.process import conv1d_rows, gru, mlp

ROWS: Any = SimpleNamespace(shape=(8, 3))
"""A window of 8 rows and 3 components."""

WINDOWS = np.random.default_rng(4).random((5, 8, 3)).astype(np.float32)


def test_the_unrolled_gru_computes_what_a_rolled_one_does() -> None:
    import keras

    options = gru.GruOptions(window_rows=8, pool=2, units=4)
    network = gru.build(ROWS, 1, FitConfig(), options)
    recurrent, dense, last = [one for one in network.layers if one.weights]
    pooled = WINDOWS.reshape(5, 4, 2, 3).mean(axis=2)
    rolled = keras.layers.GRU(4)
    rolled.build(pooled.shape)
    rolled.set_weights(recurrent.get_weights())
    hidden = np.clip(np.asarray(dense(rolled(pooled))), 0, 6)
    np.testing.assert_allclose(network(WINDOWS), np.asarray(last(hidden)), atol=1e-5)


@pytest.mark.parametrize("build", [gru.build, conv1d_rows.build])
def test_low_middle_and_high_stay_in_float(build: Any) -> None:
    options = gru.GruOptions(window_rows=8, units=4)
    if build is conv1d_rows.build:
        options = conv1d_rows.RowsOptions(window_rows=8, filters=2)
    network = build(ROWS, 1, FitConfig(), options)
    assert network.output_shape == (None, 3)
    assert network.layers[-1].name == f"{FLOAT_PREFIX}low_middle_high"


def test_convolutions_read_means_of_rows_so_rows_of_one_mean_give_one_value() -> None:
    options = conv1d_rows.RowsOptions(window_rows=8, pool=4, filters=2)
    network = conv1d_rows.build(ROWS, 1, FitConfig(), options)
    swapped = WINDOWS[:, [3, 2, 1, 0, 7, 6, 5, 4]]
    np.testing.assert_allclose(network(swapped), network(WINDOWS), atol=1e-5)
    assert np.abs(np.asarray(network(WINDOWS[:, ::-1])) - np.asarray(network(WINDOWS))).max() > 1e-4


def test_the_perceptron_computes_its_dense_layers_by_hand() -> None:
    row: Any = SimpleNamespace(shape=(6,))
    network = mlp.build(row, 2, FitConfig(), mlp.MlpOptions(hidden=[4]))
    inputs = np.random.default_rng(5).normal(size=(7, 6)).astype(np.float32)
    first, bias, second, last_bias = network.get_weights()
    expected = np.clip(inputs @ first + bias, 0, 6) @ second + last_bias
    np.testing.assert_allclose(network(inputs), expected, atol=1e-5)
    assert network.layers[-1].name == f"{FLOAT_PREFIX}logits"


@pytest.mark.parametrize(
    ("options", "wrong"),
    [
        (gru.GruOptions, {"window_rows": 1}),
        (gru.GruOptions, {"coverage": 0.5}),
        (conv1d_rows.RowsOptions, {"pool": 0}),
        (mlp.MlpOptions, {"hidden": []}),
        (mlp.MlpOptions, {"members": 9}),
        (mlp.MlpOptions, {"depth": 3}),
    ],
)
def test_options_out_of_bounds_are_refused(options: Any, wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match=next(iter(wrong))):
        options(**wrong)
