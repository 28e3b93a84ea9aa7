"""1-D convolutions over the last rows of process tags predict remaining life or any value."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field

from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from edge_agent.contracts.process.input import TabularInput
from trainer.config.fit import FitConfig
from trainer.data.prepare import InputSpec
from trainer.data.split import Split
from trainer.models.process.features import span_edges, tabular_spec
from trainer.models.process.interval_regression import (
    OUTPUTS,
    ValueOptions,
    fit_values,
    pooled_rows,
)
from trainer.training.api import Architecture, Fitted, Training

if TYPE_CHECKING:
    import keras


class RowsOptions(ValueOptions):
    """[options] of conv1d-rows."""

    pool: int = Field(default=5, ge=1, le=64, description="rows averaged before the network")
    filters: int = Field(default=16, ge=1, le=128)


def spec_of(split: Split, config: FitConfig, options: RowsOptions) -> TabularInput:
    """Every number from its lowest to its highest training value."""
    del config
    return tabular_spec(split.dataset, split.train, span_edges, options.window_rows)


def build(spec: InputSpec, labels: int, config: FitConfig, options: RowsOptions) -> keras.Model:
    """Mean over `pool` rows, two convolutions, a dense layer: (rows, width) in, (low, mid, high)
    out. Without batch normalisation, whose statistics the added noise would spoil.
    """
    import keras
    from keras import layers

    del labels, config
    small = keras.regularizers.L2(1e-3)
    rows = keras.Input(spec.shape, name="rows")
    x = pooled_rows(rows, options)
    x = layers.Reshape((x.shape[1], 1, x.shape[2]))(x)
    for _ in range(2):
        kernel = min(5, x.shape[1])
        x = layers.Conv2D(options.filters, (kernel, 1), padding="same", kernel_regularizer=small)(x)
        x = layers.ReLU(6.0)(x)
    x = layers.Flatten()(x)
    x = layers.ReLU(6.0)(layers.Dense(32, kernel_regularizer=small)(x))
    return keras.Model(
        rows, layers.Dense(OUTPUTS, name=f"{FLOAT_PREFIX}low_middle_high")(x), name="rows"
    )


def fit(training: Training[RowsOptions]) -> Fitted:
    """Several members on noisy windows."""
    return fit_values(training, lambda: build(training.spec, 1, training.config, training.options))


ARCHITECTURE = Architecture(
    name="conv1d-rows",
    tasks=("tabular-regression",),
    summary="1-D convolutions over the last rows of tags: a value with its interval",
    spec_of=spec_of,
    build=build,
    epochs=60,
    fit=fit,
    scoring="value",
    options=RowsOptions,
)
"""The row of the table of models."""
