"""Training by gradient descent: seeded batches from memory, class weights, early stopping."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.image import ImageInput
from edge_agent.contracts.types import Tensor
from trainer.data.augment import augment
from trainer.models.registry import Architecture, Fitted, Training
from trainer.progress import Bar

if TYPE_CHECKING:
    import keras

WEIGHT_LIMIT = 10.0
"""No class weighs more than this; a rarer one would make the training jump."""


def fit_network(architecture: Architecture, training: Training) -> Fitted:
    """Fit the architecture's network on cross entropy; the best epoch on validation data stays."""
    import keras

    seed_everything(training.config.seed)
    network = architecture.build(
        training.spec, len(training.labels), training.config, training.options
    )
    history = descend(network, training, training.config.learning_rate)
    keras.backend.clear_session()
    return Fitted(network, history)


def descend(
    network: keras.Model, training: Training, learning_rate: float, epochs: int = 0
) -> list[Mapping[str, float]]:
    """Train `network` in place with a falling rate; returns one row an epoch.

    Same seed, same data, same machine: same weights.
    """
    import keras

    config = training.config
    epochs = epochs or config.epochs
    batches = _batches(training)
    schedule = keras.optimizers.schedules.CosineDecay(
        learning_rate, epochs * len(batches), alpha=0.02, warmup_steps=0
    )
    network.compile(
        keras.optimizers.Adam(schedule),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    stop = keras.callbacks.EarlyStopping(
        "val_loss", patience=config.patience or max(1, epochs // 2), restore_best_weights=True
    )
    with training.talk.steps("training", epochs) as bar:
        result = network.fit(
            batches,
            validation_data=(training.val.inputs, training.val_targets),
            epochs=epochs,
            verbose=0,
            callbacks=[stop, _EpochBar(bar).callback()],
        )
    return _rows(result.history)


def seed_everything(seed: int) -> None:
    """Seed Python, NumPy and Keras, and make TensorFlow's kernels deterministic."""
    import keras
    import tensorflow as tf

    keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()


def epoch_order(
    targets: NDArray[np.int64], oversample: bool, rng: np.random.Generator
) -> NDArray[np.intp]:
    """The order of one epoch. Oversampled: every class as often as the largest, at most
    WEIGHT_LIMIT times each sample; a sample comes again only when its whole class has come."""
    if not oversample:
        return rng.permutation(len(targets))
    most = int(np.bincount(targets).max())
    drawn = []
    for label in np.unique(targets):
        mine = np.flatnonzero(targets == label)
        wanted = min(most, int(WEIGHT_LIMIT) * len(mine))
        turns = [rng.permutation(mine) for _ in range(-(-wanted // len(mine)))]
        drawn.append(np.concatenate(turns)[:wanted])
    return rng.permutation(np.concatenate(drawn))


def sample_weights(training: Training) -> NDArray[np.float32]:
    """One weight for each training input, mean 1, as the configuration asks.

    Forty pictures of one part teach little more than six of it: the inputs of a group of n samples
    weigh 1 / sqrt(n) each. Classes weigh by what is left of them then.
    """
    targets, config = training.train_targets, training.config
    weights = np.ones(len(targets))
    if config.group_weights:
        groups = np.array(training.dataset.groups())[training.train.sample]
        _, place, counts = np.unique(groups, return_inverse=True, return_counts=True)
        several = np.bincount(training.train.sample)[training.train.sample]
        weights = 1 / np.sqrt(counts[place] / several)
    if config.class_weights and not config.oversample:
        mass = np.bincount(targets, weights, len(training.labels))
        share = mass.sum() / (len(training.labels) * np.maximum(mass, 1e-9))
        weights = weights * np.minimum(share, WEIGHT_LIMIT)[targets]
    return np.asarray(weights / weights.mean(), np.float32)


def predict(network: keras.Model, inputs: Tensor, batch: int = 64) -> NDArray[np.float32]:
    """The network's (first) output for every input: (N, K)."""
    rows = []
    for start in range(0, len(inputs), batch):
        given = network.predict_on_batch(inputs[start : start + batch].astype(np.float32))
        first = given[0] if isinstance(given, list | tuple) else given
        rows.append(np.asarray(first, np.float32).reshape(len(first), -1))
    return np.concatenate(rows)


def _rows(history: Mapping[str, Sequence[float]]) -> list[Mapping[str, float]]:
    names = list(history)
    return [
        {"epoch": epoch + 1, **{name: float(history[name][epoch]) for name in names}}
        for epoch in range(len(history[names[0]]))
    ]


class _EpochBar:
    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def callback(self) -> keras.callbacks.Callback:
        import keras

        return keras.callbacks.LambdaCallback(on_epoch_end=self._on_epoch)

    def _on_epoch(self, epoch: int, logs: Mapping[str, float]) -> None:
        loss, right = logs.get("val_loss", math.nan), logs.get("val_accuracy", math.nan)
        self._bar.advance(note=f"loss {loss:.3f}, right {right:.1%}")
        del epoch


def _batches(training: Training) -> Any:
    """A keras PyDataset, built here because Keras is imported late."""
    import keras

    targets = training.train_targets
    weights = sample_weights(training)
    image = isinstance(training.spec, ImageInput)
    table = training.config.image if image else training.config.vibration

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(workers=0)
            self.rng = np.random.default_rng(training.config.seed)
            self.order = epoch_order(targets, training.config.oversample, self.rng)

        def __len__(self) -> int:
            return max(1, math.ceil(len(self.order) / training.config.batch))

        def __getitem__(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
            size = training.config.batch
            chosen = self.order[step * size : (step + 1) * size]
            varied = augment(training.train.inputs[chosen], table.augment, self.rng)
            return varied, targets[chosen], weights[chosen]

        def on_epoch_end(self) -> None:
            self.order = epoch_order(targets, training.config.oversample, self.rng)

    return Batches()
