"""Fit a network that predicts a value with an interval: its low, middle and high estimate.

The middle is fitted by squares, the ends by the pinball loss of their quantiles (Koenker and
Bassett, 1978), and the interval is then widened by what the validation samples ask for
(conformalized quantile regression, Romano et al., NeurIPS 2019). Values are learnt as parts of a
full scale, and the last layer stays in float: 256 steps are coarse for a value in its unit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from edge_agent.contracts.core.errors import DatasetError
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.scoring import Scoring
from trainer.console.progress import Bar
from trainer.data.dataset_toml import TabularColumns
from trainer.data.process.columns import columns_of
from trainer.models.layers.ensemble import joined_heads
from trainer.training.api import Fitted, Training
from trainer.training.gradient import compile_network, seed_everything
from trainer.training.predict import predict

if TYPE_CHECKING:
    import keras

OUTPUTS = 3
"""Low, middle, high."""
BATCH = 256
BEGUN_LATE = 0.8
"""Share of training windows whose history is cut."""
LEAST_HISTORY = 20
"""Rows of history that every training window keeps."""
CUT_EPOCHS = 5
"""After so many epochs the histories are cut anew."""


class ValueOptions(Strict):
    """What every model of values may be asked for."""

    window_rows: int = Field(default=100, ge=1, le=1024, description="rows that it looks back on")
    members: int = Field(default=3, ge=1, le=8, description="networks whose mean is the model")
    pool: int = Field(default=10, ge=1, le=64, description="rows averaged before the network")
    noise: float = Field(default=0.1, ge=0, le=1, description="added to training inputs of 0..1")
    coverage: float = Field(default=0.9, gt=0.5, lt=1, description="of the interval")


def fit_values(training: Training[ValueOptions], build: Callable[[], keras.Model]) -> Fitted:
    """Fit `members` networks of `build` and join them; the interval comes from validation rows."""

    options = training.options
    full_scale = _full_scale(training)
    truth = training.dataset.values()
    targets = (truth[training.train.sample] / full_scale).astype(np.float32)
    checks = (truth[training.val.sample] / full_scale).astype(np.float32)
    members, history = [], []
    with training.progress.steps("training", training.config.epochs * options.members) as bar:
        for member in range(options.members):
            seed_everything(training.config.seed + member)
            network = build()
            history += _descend(network, training, targets, checks, bar, member)
            members.append(network)
    model = joined_heads(members, training.spec.kind)
    outputs = predict(model, training.val.inputs) * full_scale
    margin = conformal_margin(outputs, checks * full_scale, options.coverage)
    scoring = value_scoring(columns_of(training.dataset.config), full_scale, margin)
    note = f"interval widened by {margin:.3g} to cover {options.coverage:.0%} of validation rows"
    return Fitted(model, history, (note,), scoring)


def with_short_history(inputs: Tensor, rng: np.random.Generator) -> Tensor:
    """Most of the windows as if logging had begun inside them: older rows repeat the first one.

    How long a log is must not tell the age: a station starts in mid-life, and a network that met
    short histories of young machines alone takes the one for the other.
    """
    if inputs.ndim < 3 or inputs.shape[1] < LEAST_HISTORY:
        return inputs
    begins = rng.integers(0, inputs.shape[1] - LEAST_HISTORY + 1, len(inputs))
    begins[rng.random(len(inputs)) >= BEGUN_LATE] = 0
    positions = np.maximum(np.arange(inputs.shape[1])[None], begins[:, None])
    return np.take_along_axis(inputs, positions[:, :, None], axis=1)


def pooled_rows(rows: keras.KerasTensor, options: ValueOptions) -> keras.KerasTensor:
    """(rows, width) -> (rows / pool, width): means of `pool` rows; in training with noise.

    The mean of `pool` rows with noise of their own is a mean with noise / sqrt(pool).
    """
    from keras import layers

    pool = min(options.pool, rows.shape[1]) if len(rows.shape) == 3 else 1
    x = rows if len(rows.shape) == 3 else layers.Reshape((1, rows.shape[1]))(rows)
    if pool > 1:
        x = layers.AveragePooling1D(pool)(x)
    return layers.GaussianNoise(options.noise / float(np.sqrt(pool)))(x)


def conformal_margin(
    outputs: NDArray[np.floating], truth: NDArray[np.floating], coverage: float
) -> float:
    """How much (low, middle, high) must widen so that `coverage` of `truth` lies inside; >= 0."""
    low = np.minimum(outputs[:, 0], outputs[:, 1])
    high = np.maximum(outputs[:, 2], outputs[:, 1])
    beyond = np.maximum(low - truth, truth - high)
    share = min(1.0, coverage * (len(truth) + 1) / len(truth))
    return max(0.0, float(np.quantile(beyond, share, method="higher")))


def value_scoring(columns: TabularColumns, full_scale: float, margin: float) -> Scoring:
    """FAIL beyond the limit of dataset.toml; without one nothing fails."""
    low, high = columns.fail_below, columns.fail_above
    if low is not None:
        threshold, worse, rule = low, "low", "fail_below of dataset.toml"
    elif high is not None:
        threshold, worse, rule = high, "high", "fail_above of dataset.toml"
    else:
        threshold, worse, rule = 1e6 * full_scale, "high", "no limit given: nothing fails"
    return Scoring(
        kind="value",
        threshold=threshold,
        worse=worse,  # type: ignore[arg-type]
        full_scale=full_scale,
        margin=float(f"{margin:.4g}"),
        chosen_by=rule,
    )


def pinball(coverage: float) -> Callable[[Any, Any], Any]:
    """Loss of (N, 3) outputs against (N, 1) truth: squares in the middle, pinball at both ends."""
    import keras

    tail = (1 - coverage) / 2

    def loss(truth: Any, outputs: Any) -> Any:
        beyond = truth - outputs
        low = keras.ops.maximum(tail * beyond, (tail - 1) * beyond)[:, 0]
        high = keras.ops.maximum((1 - tail) * beyond, -tail * beyond)[:, 2]
        return keras.ops.square(beyond[:, 1]) + 0.1 * (low + high)

    return loss


def _descend(
    network: keras.Model,
    training: Training[ValueOptions],
    targets: NDArray[np.float32],
    checks: NDArray[np.float32],
    bar: Bar,
    member: int,
) -> list[Mapping[str, float]]:
    import keras

    options, epochs = training.options, training.config.epochs
    learner = _learner(network, options, epochs * (len(targets) // BATCH + 1))
    tick = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: bar.advance())
    rng = np.random.default_rng(member)
    rows: list[Mapping[str, float]] = []
    for start in range(0, epochs, CUT_EPOCHS):
        result = learner.fit(
            with_short_history(training.train.inputs, rng),
            targets[:, None],
            validation_data=(training.val.inputs, checks[:, None]),
            initial_epoch=start,
            epochs=min(start + CUT_EPOCHS, epochs),
            batch_size=BATCH,
            verbose=0,
            callbacks=[tick],
        )
        for at in range(len(result.epoch)):
            figures = {name: float(column[at]) for name, column in result.history.items()}
            rows.append({"epoch": member * epochs + start + at + 1, **figures})
    return rows


def _learner(network: keras.Model, options: ValueOptions, steps: int) -> keras.Model:
    """A model of the same weights, compiled: a loss of our own would not load with `network`."""
    import keras

    schedule = keras.optimizers.schedules.CosineDecay(0.002, steps)
    learner = keras.Model(network.input, network.output)
    optimiser = keras.optimizers.AdamW(schedule, weight_decay=1e-4)
    compile_network(learner, optimiser, pinball(options.coverage))
    return learner


def _full_scale(training: Training) -> float:
    """The largest training value, three digits."""
    values = training.dataset.values()[training.train.sample]
    largest = float(np.abs(values).max())
    if not largest > 0:
        raise DatasetError(
            "every training value is 0", where="[tabular]", cure="check the label column"
        )
    return float(f"{largest:.3g}")
