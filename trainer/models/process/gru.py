"""A gated recurrent unit over the last rows of process tags, unrolled so that int8 converts it.

Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014.
"""

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


class GruOptions(ValueOptions):
    """[options] of gru."""

    window_rows: int = Field(default=100, ge=2, le=1024, description="rows that it looks back on")
    members: int = Field(
        default=5,
        ge=1,
        le=8,
        description="networks whose mean is the model: they share rounding",
    )
    units: int = Field(default=24, ge=1, le=128)


def spec_of(split: Split, config: FitConfig, options: GruOptions) -> TabularInput:
    """Every number from its lowest to its highest training value."""
    del config
    return tabular_spec(split.dataset, split.train, span_edges, options.window_rows)


def build(spec: InputSpec, labels: int, config: FitConfig, options: GruOptions) -> keras.Model:
    """Mean over `pool` rows, one unrolled GRU, a dense layer: (rows, width) in, (low, mid, high)
    out.
    """
    import keras
    from keras import layers

    del labels, config
    rows = keras.Input(spec.shape, name="rows")
    x = pooled_rows(rows, options)
    x = layers.GRU(options.units, unroll=True, kernel_regularizer=keras.regularizers.L2(1e-4))(x)
    x = layers.ReLU(6.0)(layers.Dense(16)(x))
    return keras.Model(
        rows, layers.Dense(OUTPUTS, name=f"{FLOAT_PREFIX}low_middle_high")(x), name="gru"
    )


def fit(training: Training[GruOptions]) -> Fitted:
    """Members on noisy windows."""
    return fit_values(training, lambda: build(training.spec, 1, training.config, training.options))


ARCHITECTURE = Architecture(
    name="gru",
    tasks=("tabular-regression",),
    summary="unrolled recurrent network over the last rows of tags: a value with its interval",
    spec_of=spec_of,
    build=build,
    epochs=60,
    fit=fit,
    scoring="value",
    options=GruOptions,
)
"""The row of the table of models."""
