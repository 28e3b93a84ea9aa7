"""A perceptron for rows of process tags, distilled from a random forest; 8-12-8-1 is a choice.

Sharp rules (a power above 9 kW, torque times wear above a limit) are what trees find and small
networks miss; pieces between a forest's cuts and its probabilities on moved training rows carry
them over, and the station runs only the network.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.float_layers import FLOAT_PREFIX
from edge_agent.contracts.model.scoring import Scoring, bad_mass
from edge_agent.contracts.process.input import TabularInput, prepare_rows
from trainer.config.fit import FitConfig
from trainer.console.progress import Bar
from trainer.data.prepare import InputSpec
from trainer.data.split import Split
from trainer.models.layers.ensemble import joined_heads
from trainer.models.process.features import (
    numeric_features,
    plain_rows,
    sample_table,
    span_edges,
    tabular_input,
    tabular_spec,
)
from trainer.models.process.forest import Jitter, cut_edges, grow, moved_table
from trainer.thresholds.choose import best_f1
from trainer.training.api import Architecture, Fitted, Training
from trainer.training.gradient import compile_network, seed_everything

if TYPE_CHECKING:
    import keras
    from sklearn.ensemble import RandomForestClassifier

EDGE_TREES = 100
BATCH = 512
LEAST_TEACHING = 50
"""With fewer training rows the forest is too weak to be a teacher."""


class MlpOptions(Strict):
    """[options] of mlp."""

    hidden: list[int] = Field(default=[64, 32], min_length=1, max_length=4)
    pieces: int = Field(default=32, ge=1, le=64, description="per number; 1: plain scaling")
    members: int = Field(default=3, ge=1, le=8, description="networks whose mean is the model")
    teacher_rows: int = Field(default=40_000, ge=0, le=1_000_000, description="0: no teacher")
    teacher_noise: float = Field(default=0.15, ge=0, le=1, description="of each tag's spread")


def spec_of(split: Split, config: FitConfig, options: MlpOptions) -> TabularInput:
    """Every number in pieces between the cuts of a forest on the training rows."""
    dataset, train = split.dataset, split.train
    plain = tabular_spec(dataset, train, span_edges)
    if options.pieces == 1:
        return plain
    rows = plain_rows(sample_table(dataset, train), plain)
    forest = grow(rows, dataset.targets()[train], config.seed, EDGE_TREES)
    column_of = {feature.of: at for at, feature in enumerate(plain.features)}
    values = dict(numeric_features(dataset, train, plain.tags))
    return tabular_spec(
        dataset,
        train,
        lambda name, _: cut_edges(forest, column_of[name], values[name], options.pieces),
    )


def build(spec: InputSpec, labels: int, config: FitConfig, options: MlpOptions) -> keras.Model:
    """Dense layers with ReLU6: components (width,) in, logits out.

    The last layer stays in float: 256 steps of a logit are too few to tell labels that are near.
    """
    import keras
    from keras import layers

    del config
    row = keras.Input(spec.shape, name="row")
    x = row
    for units in options.hidden:
        x = layers.ReLU(6.0)(layers.Dense(units, kernel_regularizer=keras.regularizers.L2(1e-5))(x))
    return keras.Model(row, layers.Dense(labels, name=f"{FLOAT_PREFIX}logits")(x), name="mlp")


def fit(training: Training[MlpOptions]) -> Fitted:
    """Cross entropy on the training rows and, beside them, on the forest's probabilities."""

    options = training.options
    seed_everything(training.config.seed)
    rows = _training_rows(training, options)
    members, history = [], []
    with training.progress.steps("training", training.config.epochs * options.members) as bar:
        for member in range(options.members):
            seed_everything(training.config.seed + member)
            network = build(training.spec, len(training.labels), training.config, options)
            history += _descend(network, training, rows, bar, member)
            members.append(network)
    return Fitted(joined_heads(members, "mlp"), history, rows.notes, rows.scoring)


def _descend(
    network: keras.Model, training: Training, rows: TrainingRows, bar: Bar, member: int
) -> list[Mapping[str, float]]:
    import keras

    epochs = training.config.epochs
    steps = epochs * (len(rows.inputs) // BATCH + 1)
    schedule = keras.optimizers.schedules.CosineDecay(0.003, steps)
    optimiser = keras.optimizers.AdamW(schedule, weight_decay=1e-4)
    compile_network(network, optimiser, keras.losses.CategoricalCrossentropy(from_logits=True))
    truth = np.eye(len(training.labels), dtype=np.float32)[training.val_targets]
    tick = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: bar.advance())
    result = network.fit(
        rows.inputs,
        rows.targets,
        validation_data=(training.val.inputs, truth),
        epochs=epochs,
        batch_size=BATCH,
        verbose=0,
        callbacks=[tick],
    )
    return [
        {
            "epoch": member * epochs + at + 1,
            **{name: float(column[at]) for name, column in result.history.items()},
        }
        for at in range(epochs)
    ]


@dataclass(frozen=True)
class TrainingRows:
    """What the network learns from: inputs (N, width), targets (N, labels), and the threshold."""

    inputs: Tensor
    targets: Tensor
    notes: tuple[str, ...]
    scoring: Scoring | None = None


def _training_rows(training: Training, options: MlpOptions) -> TrainingRows:
    truth = np.eye(len(training.labels), dtype=np.float32)[training.train_targets]
    inputs = training.train.inputs
    if not options.teacher_rows or len(inputs) < LEAST_TEACHING:
        return TrainingRows(inputs, truth, ("no teacher",))
    spec = tabular_input(training.spec)
    table = sample_table(training.dataset, training.train.sample)
    forest = grow(plain_rows(table, spec), training.train_targets, training.config.seed)
    rng = np.random.default_rng(training.config.seed)
    jitter = Jitter(options.teacher_rows, options.teacher_noise)
    seen = moved_table(table, spec, training.train_targets, jitter, rng)
    soft_targets = np.zeros((jitter.rows, len(training.labels)), np.float32)
    soft_targets[:, forest.classes_] = forest.predict_proba(plain_rows(seen, spec))
    values = prepare_rows(seen, spec).values
    whole = np.isfinite(values).all(axis=1)
    note = (
        f"distilled from a forest of {len(forest.estimators_)} trees on {whole.sum()} jittered rows"
    )
    return TrainingRows(
        np.concatenate([inputs, values[whole]]),
        np.concatenate([truth, soft_targets[whole]]),
        (note,),
        _out_of_bag(forest, training),
    )


def _out_of_bag(forest: RandomForestClassifier, training: Training) -> Scoring | None:
    """The threshold of the best F1 of the forest on rows that its trees have not seen."""
    bad = training.dataset.is_bad()[training.train.sample]
    if bad.all() or not bad.any() or set(forest.classes_) != set(range(len(training.labels))):
        return None
    seen = np.nan_to_num(forest.oob_decision_function_)
    scores = bad_mass(seen, training.labels, training.dataset.good)
    threshold, f1 = best_f1(scores, bad)
    rule = f"best F1 {f1:.3f} of the teacher on {len(bad)} out-of-bag training rows"
    return Scoring(threshold=threshold, chosen_by=rule)


ARCHITECTURE = Architecture(
    name="mlp",
    tasks=("tabular-class",),
    summary="perceptron on a row of process tags, distilled from a random forest",
    spec_of=spec_of,
    build=build,
    epochs=25,
    fit=fit,
    options=MlpOptions,
)
"""The row of the table of models."""
