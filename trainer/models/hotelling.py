"""A multivariate detector from normal rows alone: Hotelling's T² of the mean of the last rows.

Hotelling, Multivariate Quality Control, 1947. The mean over the window is whitened by the
covariance of training windows in one convolution; clipped squares are summed. The whole is one
small int8 graph, and nothing of it is learnt by descent.

The threshold needs no defect either: the training rows are cut into blocks of time, each is scored
by the covariance of the others, and the highest such score is the limit of what is normal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.errors import DatasetError
from edge_agent.contracts.scoring import Scoring
from edge_agent.contracts.tabular import TabularInput, series_rows
from edge_agent.contracts.types import Tensor
from trainer.config import FitConfig
from trainer.data.prepared import InputSpec
from trainer.data.splits import Split
from trainer.data.tags import columns_of, rows_of, table_of
from trainer.models.registry import Architecture, Fitted, Training
from trainer.models.tags import Numbers, tabular_input, tabular_spec
from trainer.strict_toml import StrictTable

if TYPE_CHECKING:
    import keras

REACH = 16.0
"""A tag enters from so many standard deviations below its training mean to as many above."""
BLOCKS = 4
LIMIT = 2.0
"""The score at the threshold; scores end at 6."""
HEADROOM = 3.0
"""One whitened direction alone is clipped at so many times the threshold's T²."""


class HotellingOptions(StrictTable):
    """[options] of hotelling."""

    window_rows: int = Field(default=20, ge=1, le=1024, description="rows whose mean is judged")
    ridge: float = Field(
        default=0.02, gt=0, le=1, description="added to the covariance of standardised tags"
    )


def spec_of(split: Split, config: FitConfig, options: StrictTable) -> TabularInput:
    """Every tag within sixteen standard deviations of its training mean."""
    del config
    assert isinstance(options, HotellingOptions)

    def edges(name: str, values: Numbers) -> list[float]:
        del name
        middle, reach = float(values.mean()), REACH * float(values.std())
        return [middle - reach, middle + reach]

    return tabular_spec(split.dataset, split.train, edges, options.window_rows)


def build(spec: InputSpec, labels: int, config: FitConfig, options: StrictTable) -> keras.Model:
    """(rows, width) in, one score in 0..6 out; the weights are set by `fit`."""
    import keras
    from keras import layers

    del labels, config, options
    length = spec.shape[0] if len(spec.shape) == 2 else 1
    width = spec.shape[-1]
    rows = keras.Input(spec.shape, name="rows")
    x = layers.Reshape((length, 1, width))(rows)
    x = layers.Conv2D(2 * width, (length, 1), name="whitened")(x)
    x = layers.Flatten()(layers.ReLU(6.0)(x))
    x = layers.Multiply()([x, x])
    x = layers.Dense(1, use_bias=False, name="squares")(x)
    return keras.Model(rows, layers.ReLU(6.0, name="score")(x), name="hotelling")


def fit(training: Training) -> Fitted:
    """Covariance of the training windows' means; the threshold by blocks of time."""
    options = training.options
    assert isinstance(options, HotellingOptions)
    means = window_means(training.train.inputs[_full_windows(training)])
    if len(means) < 4 * means.shape[1]:
        raise DatasetError(
            f"{len(means)} normal rows for {means.shape[1]} inputs",
            where="training split",
            cure=f"record at least {4 * means.shape[1]} normal rows",
        )
    limit = crossfit_limit(means, options.ridge)
    network = build(training.spec, 1, training.config, options)
    _set_weights(network, means, options.ridge, limit, training.spec.shape)
    rule = f"highest T {limit:.3g} of {BLOCKS} blocks of time, each scored by the others"
    note = f"score {LIMIT:g} is T = {limit:.3g} over {len(means)} training rows"
    return Fitted(network, [], (note,), Scoring(kind="anomaly", threshold=LIMIT, chosen_by=rule))


def calibration(training: Training, fitted: Fitted) -> Tensor:
    """Training windows, half of them shifted: good rows alone would clip the int8 score."""
    del fitted
    rng = np.random.default_rng(training.config.seed)
    inputs = training.train.inputs
    chosen = inputs[np.sort(rng.permutation(len(inputs))[:250])]
    shift = rng.uniform(-0.4, 0.4, (len(chosen), *chosen.shape[1:-1], chosen.shape[-1]))
    if shift.ndim == 3:
        shift = np.repeat(shift[:, :1], chosen.shape[1], axis=1)
    moved = np.clip(chosen + shift, 0, 1).astype(np.float32)
    return np.concatenate([chosen, moved])


def _full_windows(training: Training) -> NDArray[np.bool_]:
    """(N,) whether a training window has no repeated row, whose mean would be noisier."""
    spec = tabular_input(training.spec)
    table = table_of(training.dataset.root, columns_of(training.dataset.config))
    place = np.zeros(len(table), np.int64)
    for series in series_rows(table, spec):
        place[series] = np.arange(len(series))
    rows = rows_of(training.dataset, training.train.sample)
    return np.asarray(place[rows] >= spec.window_rows - 1)


def window_means(inputs: Tensor) -> NDArray[np.float64]:
    """(N, [rows,] width) in 0..1 -> (N, width), in standard deviations about the middle."""
    rows = inputs.reshape(len(inputs), -1, inputs.shape[-1]).astype(np.float64)
    return np.asarray((rows.mean(axis=1) - 0.5) * 2 * REACH)


def hotelling_t(
    train: NDArray[np.float64], asked: NDArray[np.float64], ridge: float
) -> NDArray[np.float64]:
    """sqrt of T² of (M, width) by mean and covariance of (N, width)."""
    white, centre = _whitening(train, ridge)
    return np.asarray(np.sqrt((((asked - centre) @ white.T) ** 2).sum(axis=1)))


def crossfit_limit(means: NDArray[np.float64], ridge: float) -> float:
    """The highest T of any block of time by the covariance of the other blocks."""
    highest = 0.0
    for block in np.array_split(np.arange(len(means)), BLOCKS):
        rest = np.delete(means, block, axis=0)
        highest = max(highest, float(hotelling_t(rest, means[block], ridge).max()))
    return highest


def _whitening(
    means: NDArray[np.float64], ridge: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    covariance = np.atleast_2d(np.cov(means.T)) + ridge * np.eye(means.shape[1])
    return np.linalg.inv(np.linalg.cholesky(covariance)), means.mean(axis=0)


def _set_weights(
    network: keras.Model,
    means: NDArray[np.float64],
    ridge: float,
    limit: float,
    shape: tuple[int, ...],
) -> None:
    """Filters give +-scale * whitened mean, of which ReLU6 keeps the positive part."""
    white, centre = _whitening(means, ridge)
    length = shape[0] if len(shape) == 2 else 1
    scale = 6.0 / (np.sqrt(HEADROOM) * limit)
    matrix = scale * np.concatenate([white, -white])
    kernel = np.repeat((matrix.T * 2 * REACH / length)[None, None], length, axis=0)
    bias = -matrix @ (centre + REACH)
    network.get_layer("whitened").set_weights([kernel, bias])
    weight = LIMIT / (scale * limit) ** 2
    network.get_layer("squares").set_weights([np.full((2 * len(white), 1), weight)])


ARCHITECTURE = Architecture(
    name="hotelling",
    tasks=("tabular-anomaly",),
    summary="Hotelling's T² of the mean of the last rows, from normal rows alone",
    spec_of=spec_of,
    build=build,
    epochs=1,
    fit=fit,
    calibration=calibration,
    scoring="anomaly",
    options=HotellingOptions,
)
"""The row of the table of models."""
