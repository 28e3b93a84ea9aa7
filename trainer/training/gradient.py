"""Training by gradient descent: seeded batches from memory, class weights, early stopping."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.image.input import ImageInput
from trainer.console.progress import Bar
from trainer.data.augment import augment
from trainer.training.api import Architecture, Fitted, Training
from trainer.training.checkpoint_callback import CheckpointCallback, Shuffle
from trainer.training.distributed import Cluster
from trainer.training.gradient_exchange import EpochPlan, Share, SharedTraining
from trainer.training.predict import predict
from trainer.training.tensorboard import TensorBoardLog

if TYPE_CHECKING:
    import keras

WEIGHT_LIMIT = 10.0
"""No class weighs more than this; a rarer one would make the training jump."""


def fit_network(architecture: Architecture[Any], training: Training) -> Fitted:
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

    With `training.cluster` all its machines share the work. Same seed, same data, same machine:
    same weights, also where the training was interrupted and goes on from `training.checkpoints`.
    """
    import keras

    config, val = training.config, (training.val.inputs, training.val_targets)
    epochs = epochs or config.epochs
    if training.cluster is not None:
        return _descend_together(network, training, training.cluster, learning_rate, epochs)
    batches, shuffle = _batches(training)
    schedule = _falling(learning_rate, epochs * len(batches))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    # A metric that is given by its name makes its variables in the first step.
    right = keras.metrics.SparseCategoricalAccuracy("accuracy")
    compile_network(network, keras.optimizers.Adam(schedule), loss, [right])
    patience = config.patience or max(1, epochs // 2)
    stop = keras.callbacks.EarlyStopping("val_loss", patience=patience, restore_best_weights=True)
    files = training.checkpoints.next_training()
    checkpoint = CheckpointCallback(files, network, shuffle, stop)
    first = checkpoint.first_epoch(epochs)
    events = TensorBoardLog(
        files.logs, checkpoint.rows, lambda n: float(schedule(n * len(batches)))
    )
    with training.progress.steps("training", epochs) as bar:
        bar.advance(len(checkpoint.rows))
        network.fit(
            batches,
            validation_data=val,
            epochs=epochs,
            initial_epoch=first,
            verbose=0,
            callbacks=[stop, checkpoint.callback(), events.callback(), _EpochBar(bar).callback()],
        )
    return checkpoint.rows


def compile_network(
    network: keras.Model,
    optimiser: keras.optimizers.Optimizer,
    loss: keras.losses.Loss | Callable[..., Any] | str,
    metrics: Sequence[keras.metrics.Metric] = (),
) -> None:
    """Compile `network`, with the variables of the optimiser made.

    TensorFlow traces a step that makes variables twice: seconds for a large network.
    """
    network.compile(optimiser, loss, metrics=list(metrics) or None)
    network.optimizer.build(network.trainable_variables)


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
        of_label = np.flatnonzero(targets == label)
        wanted = min(most, int(WEIGHT_LIMIT) * len(of_label))
        orders = [rng.permutation(of_label) for _ in range(-(-wanted // len(of_label)))]
        drawn.append(np.concatenate(orders)[:wanted])
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
        _, group_of, counts = np.unique(groups, return_inverse=True, return_counts=True)
        several = np.bincount(training.train.sample)[training.train.sample]
        weights = 1 / np.sqrt(counts[group_of] / several)
    if config.class_weights and not config.oversample:
        mass = np.bincount(targets, weights, len(training.labels))
        share = mass.sum() / (len(training.labels) * np.maximum(mass, 1e-9))
        weights = weights * np.minimum(share, WEIGHT_LIMIT)[targets]
    return np.asarray(weights / weights.mean(), np.float32)


def _falling(learning_rate: float, steps: int) -> keras.optimizers.schedules.LearningRateSchedule:
    import keras

    return keras.optimizers.schedules.CosineDecay(learning_rate, steps, alpha=0.02, warmup_steps=0)


def _descend_together(
    network: keras.Model, training: Training, cluster: Cluster, learning_rate: float, epochs: int
) -> list[Mapping[str, float]]:
    import keras

    config = training.config
    plan = _epoch_plan(network, training, cluster.index)
    steps = len(plan.batches(0, cluster.workers))
    schedule = _falling(learning_rate, epochs * steps)
    files = training.checkpoints.next_training()
    shared = SharedTraining(cluster, network, plan, keras.optimizers.Adam(schedule), files)
    events = TensorBoardLog(files.logs, [], lambda n: float(schedule(n * steps)))
    patience = config.patience or max(1, epochs // 2)
    with training.progress.steps(f"training on {cluster.workers}", epochs) as bar:
        shown = _EpochBar(bar)
        rows = shared.learn(epochs, patience, shown.show)
    events.open()
    for row in rows:
        events.write(row)
    events.close()
    return rows


def _epoch_plan(network: keras.Model, training: Training, index: int) -> EpochPlan:
    """Orders that all machines draw alike, and variations that each draws for itself."""
    config, inputs, targets = training.config, training.train.inputs, training.train_targets
    weights, names = sample_weights(training), _variations(training)

    def order(epoch: int) -> NDArray[np.intp]:
        return epoch_order(targets, config.oversample, np.random.default_rng([config.seed, epoch]))

    def share(rows: NDArray[np.intp], epoch: int, number: int) -> Share:
        rng = np.random.default_rng([config.seed, epoch, number, index])
        return augment(inputs[rows], names, rng), targets[rows], weights[rows]

    def checked() -> tuple[float, float]:
        logits, truth = predict(network, training.val.inputs), training.val_targets
        beliefs = logits - np.logaddexp.reduce(logits, axis=1, keepdims=True)
        loss = -float(beliefs[np.arange(len(truth)), truth].mean())
        return loss, float((logits.argmax(axis=1) == truth).mean())

    return EpochPlan(order, share, checked, config.batch)


def _variations(training: Training) -> Sequence[str]:
    image = isinstance(training.spec, ImageInput)
    return training.config.image.augment if image else training.config.vibration.augment


class _EpochBar:
    def __init__(self, bar: Bar) -> None:
        self._bar = bar

    def callback(self) -> keras.callbacks.Callback:
        import keras

        return keras.callbacks.LambdaCallback(on_epoch_end=self._on_epoch)

    def _on_epoch(self, epoch: int, logs: Mapping[str, float]) -> None:
        del epoch
        self.show(logs)

    def show(self, logs: Mapping[str, float]) -> None:
        loss, right = logs.get("val_loss", math.nan), logs.get("val_accuracy", math.nan)
        self._bar.advance(note=f"loss {loss:.3f}, right {right:.1%}")


def _batches(training: Training) -> tuple[Any, Shuffle]:
    """A keras PyDataset, built here because Keras is imported late, and what it draws from."""
    import keras

    targets = training.train_targets
    weights = sample_weights(training)
    names = _variations(training)
    oversample, size = training.config.oversample, training.config.batch
    rng = np.random.default_rng(training.config.seed)
    shuffle = Shuffle(rng, epoch_order(targets, oversample, rng))

    class Batches(keras.utils.PyDataset):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__(workers=0)

        def __len__(self) -> int:
            return max(1, math.ceil(len(shuffle.order) / size))

        def __getitem__(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
            chosen = shuffle.order[step * size : (step + 1) * size]
            varied = augment(training.train.inputs[chosen], names, rng)
            return varied, targets[chosen], weights[chosen]

        def on_epoch_end(self) -> None:
            shuffle.order = epoch_order(targets, oversample, rng)

    return Batches(), shuffle
