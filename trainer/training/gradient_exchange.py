"""Gradient descent on several machines: each learns from its share of every batch.

Synchronous data parallelism (Dean et al., Large Scale Distributed Deep Networks, NIPS 2012, without
a parameter server): the machines sum their gradients and take the same step. Batch norms see the
machine's own share; their moving statistics are averaged after every epoch.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.types import Tensor
from trainer.training.checkpoints import Checkpoint, CheckpointFiles, assign, values_of
from trainer.training.distributed import Array, Cluster, lost_machine

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

Share = tuple[Tensor, NDArray[np.int64], NDArray[np.float32]]
"""inputs, targets and weights of this machine's part of a batch."""


class EpochPlan:
    """What is learnt in an epoch. order(epoch) -> row numbers, the same on all machines;
    share(rows, epoch) -> those rows, varied; checked() -> loss and accuracy on validation data."""

    def __init__(
        self,
        order: Callable[[int], NDArray[np.intp]],
        share: Callable[[NDArray[np.intp], int, int], Share],
        checked: Callable[[], tuple[float, float]],
        batch: int,
    ) -> None:
        self.order, self.share, self.checked, self.batch = order, share, checked, batch

    def batches(self, epoch: int, workers: int) -> list[NDArray[np.intp]]:
        """The epoch's batches; a last one with fewer rows than machines is left out."""
        order = self.order(epoch)
        batches = [order[at : at + self.batch] for at in range(0, len(order), self.batch)]
        return [rows for rows in batches if len(rows) >= workers]


class SharedTraining:
    """One training on all machines of a cluster; `network` ends alike on each of them."""

    def __init__(
        self,
        cluster: Cluster,
        network: keras.Model,
        plan: EpochPlan,
        optimiser: keras.optimizers.Optimizer,
        files: CheckpointFiles,
    ) -> None:
        self.rows: list[Mapping[str, float]] = []
        self._cluster, self._network, self._epoch_plan = cluster, network, plan
        self._optimiser, self._files = optimiser, files
        self._best: list[Array] = [np.asarray(one) for one in network.get_weights()]
        self._least, self._wait = math.inf, 0

    def learn(
        self, epochs: int, patience: int, on_epoch: Callable[[Mapping[str, float]], None]
    ) -> list[Mapping[str, float]]:
        """Train up to `epochs` and take the best; return all rows, which `on_epoch` receives too.

        Goes on after the last epoch that the chief kept.
        """
        self._cluster.used = True
        step = _step_of(self._cluster, self._network, self._optimiser)
        first = self._agree()
        for epoch in range(first, epochs):
            if self._wait >= patience:
                break
            row = self._epoch(epoch, step)
            self.rows.append(row)
            self._judge(row["val_loss"])
            self._keep()
            on_epoch(row)
        self._network.set_weights(self._best)
        return self.rows

    def _epoch(self, epoch: int, step: Step) -> dict[str, float]:
        loss, right, seen = 0.0, 0.0, 0
        for number, rows in enumerate(self._epoch_plan.batches(epoch, self._cluster.workers)):
            own_rows = rows[self._cluster.index :: self._cluster.workers]
            batch_loss, batch_right = step(
                *self._epoch_plan.share(own_rows, epoch, number), len(rows)
            )
            loss, right, seen = loss + batch_loss * len(rows), right + batch_right, seen + len(rows)
        self._average_statistics()
        checked = self._epoch_plan.checked() if self._cluster.chief else (0.0, 0.0)
        (validation,) = self._cluster.of_chief([np.array(checked, np.float32)])
        return {
            "epoch": epoch + 1,
            "accuracy": right / max(seen, 1),
            "loss": loss / max(seen, 1),
            "val_accuracy": float(validation[1]),
            "val_loss": float(validation[0]),
        }

    def _judge(self, val_loss: float) -> None:
        self._wait += 1
        if val_loss < self._least:
            self._least, self._wait = val_loss, 0
            self._best = [np.asarray(one) for one in self._network.get_weights()]

    def _average_statistics(self) -> None:
        """The mean over machines of what moves without a gradient."""
        moving = [v for v in self._network.non_trainable_variables if "float" in str(v.dtype)]
        if moving:
            total = self._cluster.summed([np.asarray(variable) for variable in moving])
            for variable, value in zip(moving, total, strict=True):
                variable.assign(value / self._cluster.workers)

    def _agree(self) -> int:
        """Everybody takes what the chief has, kept or new; returns the epochs behind it."""
        checkpoint = self._files.read() if self._cluster.chief else None
        self._optimiser.build(self._network.trainable_variables)
        if checkpoint is not None:
            assign(self._network.variables, checkpoint.variables)
            assign(self._optimiser.variables, checkpoint.optimiser)
            self._best = [np.asarray(one) for one in checkpoint.best]
            self.rows = list(checkpoint.facts["rows"])
            self._least, self._wait = checkpoint.facts["best"], checkpoint.facts["wait"]
        least = self._least if math.isfinite(self._least) else 1e30
        counts = np.array([len(self.rows), self._wait, least], np.float32)
        (counts,) = self._cluster.of_chief([counts])
        done, self._wait, self._least = int(counts[0]), int(counts[1]), float(counts[2])
        for owner in (self._network, self._optimiser):
            values = [np.asarray(variable, np.float32) for variable in _floats(owner)]
            assign(_floats(owner), self._cluster.of_chief(values))
        (steps,) = self._cluster.of_chief([np.asarray(self._optimiser.iterations, np.float32)])
        self._optimiser.iterations.assign(int(steps))
        self._best = self._cluster.of_chief(self._best)
        return done

    def _keep(self) -> None:
        facts = {"rows": self.rows, "wait": self._wait, "best": self._least}
        variables, optimiser = values_of(self._network), values_of(self._optimiser)
        self._files.write(Checkpoint(facts, variables, optimiser, self._best))


Step = Callable[[Tensor, NDArray[np.int64], NDArray[np.float32], int], tuple[float, float]]
"""(inputs, targets, weights, rows of the whole batch) -> its mean loss, how many were right."""


def _step_of(cluster: Cluster, network: keras.Model, optimiser: keras.optimizers.Optimizer) -> Step:
    import tensorflow as tf

    kinds = (
        tf.TensorSpec((None, *network.input_shape[1:]), tf.float32),
        tf.TensorSpec((None,), tf.int64),
        tf.TensorSpec((None,), tf.float32),
        tf.TensorSpec((), tf.float32),
    )

    def slopes(x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor, count: tf.Tensor) -> list[tf.Tensor]:
        with tf.GradientTape() as tape:
            logits = network(x, training=True)
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(y, logits)
            loss = tf.reduce_sum(each * weights) / count
        right = tf.reduce_sum(tf.cast(tf.argmax(logits, axis=1) == y, tf.float32))
        sums = [loss, right, *tape.gradient(loss, network.trainable_variables)]
        context = tf.distribute.get_replica_context()
        return list(context.all_reduce(tf.distribute.ReduceOp.SUM, sums))

    def step(x: tf.Tensor, y: tf.Tensor, weights: tf.Tensor, count: tf.Tensor) -> list[tf.Tensor]:
        loss, right, *gradients = cluster.strategy.run(slopes, args=(x, y, weights, count))
        optimiser.apply(gradients, network.trainable_variables)
        return [loss, right]

    graph = tf.function(step, input_signature=kinds)

    def taken(
        x: Tensor, y: NDArray[np.int64], weights: NDArray[np.float32], count: int
    ) -> tuple[float, float]:
        try:
            loss, right = graph(x.astype(np.float32), y, weights, np.float32(count))
        except tf.errors.OpError as error:
            raise lost_machine(error) from error
        return float(loss), float(right)

    return taken


def _floats(owner: keras.Model | keras.optimizers.Optimizer) -> list[keras.Variable]:
    return [variable for variable in owner.variables if "float" in str(variable.dtype)]
