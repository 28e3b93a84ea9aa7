"""A multivariate detector from normal rows alone: Hotelling's T² of the mean of the last rows.

Hotelling, Multivariate Quality Control, 1947. The mean over the window is whitened by the
covariance of training windows in one convolution; clipped squares are summed. The whole is one
small int8 graph, its weights lie on int8's grid, and nothing of it is learnt by descent.

The threshold needs no defect either: the training rows are cut into blocks of time, or of batches
where the data set names a group or series, each block is scored by the covariance of the others,
and the highest such score is the limit of what is normal. Of three batches and more an odd one does
not set it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.process.input import TabularInput, series_rows
from trainer.config.fit import FitConfig
from trainer.data.prepare import InputSpec
from trainer.data.process.columns import columns_of, rows_of, table_of
from trainer.data.samples import Indices
from trainer.data.split import Split
from trainer.models.process.features import Numbers, tabular_input, tabular_spec
from trainer.thresholds.choose import GOOD_ONLY_FALSE_REJECT
from trainer.thresholds.good_only import GoodOnlyCut
from trainer.thresholds.good_parts import GoodParts, good_readings
from trainer.thresholds.odd_group import cut_by_others
from trainer.training.api import Architecture, Fitted, Training

if TYPE_CHECKING:
    import keras

KNEES = (-16.0, -4.0, 4.0, 16.0)
"""A tag enters in three pieces between so many standard deviations from its training mean: int8
rounds what is near normal to 1/32 of a deviation, and what is far is not cut."""
PIECES = len(KNEES) - 1
FLAG = 32.0
"""What a category weighs beside deviations."""
BLOCKS = 4
LIMIT = 3.0
"""The score at the threshold. Scores end at 6: it lies midway between two of int8's 256 steps."""
HEADROOM = 1.25
"""One whitened direction alone is clipped at so many times the threshold's T²: the less, the finer
are the 256 steps of the squares at the threshold."""


class HotellingOptions(Strict):
    """[options] of hotelling."""

    window_rows: int = Field(default=20, ge=1, le=1024, description="rows whose mean is judged")
    ridge: float = Field(
        default=0.02, gt=0, le=1, description="added to the covariance of standardised tags"
    )


def spec_of(split: Split, config: FitConfig, options: HotellingOptions) -> TabularInput:
    """Every tag in pieces, within sixteen standard deviations of its training mean."""
    del config

    def edges(name: str, values: Numbers) -> list[float]:
        del name
        middle, spread = float(values.mean()), float(values.std())
        return [middle + knee * spread for knee in KNEES]

    return tabular_spec(split.dataset, split.train, edges, options.window_rows)


def build(
    spec: InputSpec, labels: int, config: FitConfig, options: HotellingOptions
) -> keras.Model:
    """(rows, width) in, one score in 0..6 out; the weights are set by `fit`."""
    import keras
    from keras import layers

    del labels, config, options
    length = spec.shape[0] if len(spec.shape) == 2 else 1
    directions = deviations_of(tabular_input(spec)).shape[1]
    rows = keras.Input(spec.shape, name="rows")
    x = layers.Reshape((length, 1, spec.shape[-1]))(rows)
    x = layers.Conv2D(2 * directions, (length, 1), name="whitened")(x)
    x = layers.Flatten()(layers.ReLU(6.0)(x))
    x = layers.Multiply()([x, x])
    x = layers.Dense(1, use_bias=False, name="squares")(x)
    return keras.Model(rows, layers.ReLU(6.0, name="score")(x), name="hotelling")


def fit(training: Training[HotellingOptions]) -> Fitted:
    """Covariance of the training windows' means; the threshold by blocks of time or batches."""
    options = training.options
    pieces = deviations_of(tabular_input(training.spec))
    chosen = _full_windows(training)
    full = training.train.inputs[chosen]
    means = window_means(full, pieces)
    if len(means) < 4 * means.shape[1]:
        raise DatasetError(
            f"{len(means)} normal rows for {means.shape[1]} inputs",
            where="training split",
            cure=f"record at least {4 * means.shape[1]} normal rows",
        )
    parts, rule = _good_rows(training, training.train.sample[chosen], means)
    limit = parts.threshold
    network = build(training.spec, 1, training.config, options)
    white, _ = _whitening(means, options.ridge)
    _set_weights(network, pieces @ white.T, full.reshape(-1, len(pieces)).mean(axis=0), limit)
    note = f"score {LIMIT:g} is T = {limit:.3g} over {len(means)} training rows"
    scoring = Scoring(kind="anomaly", threshold=LIMIT, chosen_by=rule)
    return Fitted(network, [], (note,), scoring, good_parts=_as_scored(parts))


def calibration(training: Training, fitted: Fitted) -> Tensor:
    """Training windows, half of them shifted: good rows alone would clip the int8 score."""
    del fitted
    rng = np.random.default_rng(training.config.seed)
    inputs = training.train.inputs
    chosen = inputs[np.sort(rng.permutation(len(inputs))[:250])]
    return np.concatenate([chosen, shifted(chosen, tabular_input(training.spec), rng)])


def shifted(inputs: Tensor, spec: TabularInput, rng: np.random.Generator) -> Tensor:
    """(N, [rows,] width) with every tag moved by up to 0.8 of its reach, alike in all rows."""
    rows = inputs.reshape(len(inputs), -1, inputs.shape[-1]).astype(np.float64)
    tags, knees = len(spec.features), np.array(KNEES)
    pieces = rows[:, :, : PIECES * tags].reshape(*rows.shape[:2], tags, PIECES)
    away = knees[0] + pieces @ np.diff(knees)
    away = away + rng.uniform(0.8 * knees[0], 0.8 * knees[-1], (len(rows), 1, tags))
    moved = np.clip((away[..., None] - knees[:-1]) / np.diff(knees), 0, 1)
    flags = rows[:, :, PIECES * tags :]
    whole = np.concatenate([moved.reshape(*rows.shape[:2], -1), flags], axis=2)
    return np.asarray(whole.reshape(inputs.shape), np.float32)


def shared_out(sums: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """(width, filters) -> a kernel (length, 1, width, filters) on int8's grid that sums to it.

    Neighbouring rows are alike: rounded up in some and down in others, a weight is as good as
    log2(length) bits more. The grid is the converter's: the largest weight of a filter over 127.
    """
    step = np.maximum(np.abs(sums).max(axis=0), 1e-12) / (127 * length)
    counts = np.round(sums / step)
    turns = np.arange(length)[:, None, None]
    shares = np.floor((turns + 1) * counts / length) - np.floor(turns * counts / length)
    return np.asarray((shares * step)[:, None])


def _full_windows(training: Training) -> NDArray[np.bool_]:
    """(N,) whether a training window has no repeated row, whose mean would be noisier."""
    spec = tabular_input(training.spec)
    table = table_of(training.dataset)
    position = np.zeros(len(table), np.int64)
    for series in series_rows(table, spec):
        position[series] = np.arange(len(series))
    rows = rows_of(training.dataset, training.train.sample)
    return np.asarray(position[rows] >= spec.window_rows - 1)


def deviations_of(spec: TabularInput) -> NDArray[np.float64]:
    """(width, tags + categories): what each input component adds to a tag, in deviations."""
    tags = len(spec.features)
    flags = spec.width - PIECES * tags
    matrix = np.zeros((spec.width, tags + flags))
    for tag in range(tags):
        matrix[PIECES * tag : PIECES * (tag + 1), tag] = np.diff(KNEES)
    matrix[PIECES * tags :, tags:] = FLAG * np.eye(flags)
    return matrix


def window_means(inputs: Tensor, pieces: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N, [rows,] width) -> (N, tags + categories), in deviations from where the lowest knee is."""
    rows = inputs.reshape(len(inputs), -1, inputs.shape[-1]).astype(np.float64)
    return np.asarray(rows.mean(axis=1) @ pieces)


def hotelling_t(
    train: NDArray[np.float64], asked: NDArray[np.float64], ridge: float
) -> NDArray[np.float64]:
    """sqrt of T² of (M, width) by mean and covariance of (N, width)."""
    white, centre = _whitening(train, ridge)
    return np.asarray(np.sqrt((((asked - centre) @ white.T) ** 2).sum(axis=1)))


def crossfit_t(
    means: NDArray[np.float64], ridge: float, batches: Sequence[str] | None = None
) -> NDArray[np.float64]:
    """(N,) the T of each of (N, width) by the covariance of all blocks but its own.

    batches: of each, which no block cuts; None: blocks of time.
    """
    names = np.arange(len(means)) if batches is None else np.array(batches)
    found = np.zeros(len(means))
    for block in np.array_split(np.unique(names), BLOCKS):
        own = np.isin(names, block)
        if own.any():
            found[own] = hotelling_t(means[~own], means[own], ridge)
    return found


def _good_rows(
    training: Training[HotellingOptions], samples: Indices, means: NDArray[np.float64]
) -> tuple[GoodParts, str]:
    """The rows with their cross-fitted T, and the limit by them, or by batches if there are two."""
    dataset, ridge = training.dataset, training.options.ridge
    named = dataset.config.group or columns_of(dataset.config).series
    groups = dataset.groups()
    batches = [groups[one] for one in samples] if named else []
    if len(set(batches)) < 2:
        blocks = ["" for _ in samples]
        return good_readings(samples, crossfit_t(means, ridge), blocks, _highest_of_time)
    return good_readings(samples, crossfit_t(means, ridge, batches), batches, _cut_of_batches)


def _highest_of_time(scores: NDArray[np.float64], blocks: list[str]) -> GoodOnlyCut:
    """Neighbouring rows are alike and no witnesses: nothing is left out, and nothing is proven."""
    del blocks
    limit, rule = _highest(scores)
    rule += f" of {BLOCKS} blocks of time, each scored by the others"
    return GoodOnlyCut(limit, rule, 1.0, (), limit)


def _cut_of_batches(scores: NDArray[np.float64], batches: list[str]) -> GoodOnlyCut:
    return cut_by_others(scores, GOOD_ONLY_FALSE_REJECT, batches, _highest, "batches")


def _highest(scores: NDArray[np.float64]) -> tuple[float, str]:
    limit = float(scores.max())
    return limit, f"highest T {limit:.3g}"


def _as_scored(parts: GoodParts) -> GoodParts:
    """The same on the scale of the network's scores: LIMIT is at the threshold's T."""
    scale = LIMIT / parts.threshold**2
    without = parts.without_extreme
    return replace(
        parts,
        scores=scale * parts.scores**2,
        threshold=LIMIT,
        with_all=scale * parts.with_all**2,
        without_extreme=None if without is None else scale * without**2,
    )


def _whitening(
    means: NDArray[np.float64], ridge: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    covariance = np.atleast_2d(np.cov(means.T)) + ridge * np.eye(means.shape[1])
    return np.linalg.inv(np.linalg.cholesky(covariance)), means.mean(axis=0)


def _set_weights(
    network: keras.Model,
    white: NDArray[np.float64],
    middle: NDArray[np.float64],
    limit: float,
) -> None:
    """Filters give +-scale * (x - middle) @ white, of which ReLU6 keeps the positive part.

    white: (width, directions); middle: (width,), where the rounded filters give exactly 0.
    """
    whitened = network.get_layer("whitened")
    scale = 6.0 / (np.sqrt(HEADROOM) * limit)
    kernel = shared_out(scale * np.concatenate([white, -white], axis=1), whitened.kernel.shape[0])
    whitened.set_weights([kernel, -middle @ kernel.sum(axis=(0, 1))])
    weight = LIMIT / (scale * limit) ** 2
    network.get_layer("squares").set_weights([np.full((2 * white.shape[1], 1), weight)])


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
