"""Several machines that train one network: TensorFlow's own cluster, from the standard TF_CONFIG.

The machines speak by tf.distribute.MultiWorkerMirroredStrategy. Keras 3 cannot run Model.fit under
it, so the loop is in trainer/training/gradient_exchange.py and only sums travel: of gradients and
of figures.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConfigError, LinesideError

if TYPE_CHECKING:
    import tensorflow as tf

Array = NDArray[np.float32]
CHIEFS = ("chief", "worker")
"""Whose task type may train; where there is no chief, worker 0 is."""


class Cluster:
    """This machine among `workers` equals. `chief`: the one that judges and writes the run;
    `used`: whether a training was shared.

    Every machine must call the same methods in the same order. All raise LinesideError where
    another machine is gone.
    """

    def __init__(self, strategy: tf.distribute.Strategy, index: int) -> None:
        self.strategy = strategy
        self.workers = int(strategy.num_replicas_in_sync)
        self.index = index
        self.used = False
        self._all_reduce = _all_reduce(strategy)

    @property
    def chief(self) -> bool:
        """Whether this machine writes the run."""
        return self.index == 0

    def summed(self, values: Sequence[Array]) -> list[Array]:
        """The sum of every machine's values, each as float32; the same on all machines."""
        import tensorflow as tf

        arrays = [np.asarray(value, np.float32) for value in values]
        ends = np.cumsum([array.size for array in arrays])[:-1]
        try:
            total = self._all_reduce(np.concatenate([array.ravel() for array in arrays]))
        except tf.errors.OpError as error:
            raise lost_machine(error) from error
        parts = np.split(np.asarray(total, np.float32), ends)
        return [part.reshape(array.shape) for part, array in zip(parts, arrays, strict=True)]

    def of_chief(self, values: Sequence[Array]) -> list[Array]:
        """The chief's values on every machine; the others give any of the same shapes."""
        return self.summed([np.asarray(value) * np.float32(self.chief) for value in values])

    def refuse_strangers(self, mark: str) -> None:
        """Raise ConfigError on every machine unless all have the same mark (hexadecimal)."""
        parts = np.array([int(mark[at : at + 4], 16) for at in range(0, 16, 4)], np.float32)
        (total,), (squares,) = self.summed([parts]), self.summed([np.square(parts / 256)])
        same = np.array_equal(total, parts * self.workers)
        if not same or not np.allclose(squares, np.square(parts / 256) * self.workers):
            raise ConfigError(
                "the machines have different data, configurations or versions",
                where="TF_CONFIG",
                cure="give each machine the same command, files and packages",
            )

    def wait(self) -> None:
        """Until every machine has come here."""
        self.summed([np.zeros(1, np.float32)])


def in_cluster() -> bool:
    """Whether TF_CONFIG names several machines; raises ConfigError as join_cluster does."""
    text = os.environ.get("TF_CONFIG", "")
    return bool(text) and _machines(text) > 1


def join_cluster() -> Cluster | None:
    """The cluster that TF_CONFIG describes; None without one, or of one machine alone.

    Must come before TensorFlow computes anything. Waits until all machines are there. Of several
    GPUs the first one works. Raises ConfigError for a TF_CONFIG that is no such thing.
    """
    if not in_cluster():
        return None
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    tf.config.set_visible_devices(gpus[:1], "GPU")
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    strategy = tf.distribute.MultiWorkerMirroredStrategy(cluster_resolver=resolver)
    kind, number = resolver.task_type, int(resolver.task_id)
    chiefs = len(json.loads(os.environ["TF_CONFIG"])["cluster"].get("chief", []))
    return Cluster(strategy, number if kind == "chief" else number + chiefs)


def _all_reduce(strategy: tf.distribute.Strategy) -> Callable[[Array], Array]:
    """float32 (N,) of this machine -> the sum over all machines, as one graph for every N."""
    import tensorflow as tf

    def together(values: tf.Tensor) -> tf.Tensor:
        context = tf.distribute.get_replica_context()
        return context.all_reduce(tf.distribute.ReduceOp.SUM, tf.identity(values))

    def total(values: tf.Tensor) -> tf.Tensor:
        return strategy.run(together, args=(values,))

    signature = [tf.TensorSpec((None,), tf.float32)]
    graph: Callable[[Array], Array] = tf.function(total, input_signature=signature)
    return graph


def lost_machine(error: Exception) -> LinesideError:
    """What is said where another machine does not answer."""
    return LinesideError(
        f"another machine of the cluster is gone ({type(error).__name__})",
        where="TF_CONFIG",
        cure="start all of them again: the chief keeps the finished epochs",
    )


def _machines(text: str) -> int:
    try:
        document = json.loads(text)
        cluster, task = document["cluster"], document["task"]
        machines = [host for kind in CHIEFS for host in cluster.get(kind, [])]
        own = cluster[task["type"]][int(task["index"])]
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise _unreadable(f"{type(error).__name__}: {error}") from error
    if own not in machines or set(cluster) - set(CHIEFS):
        raise _unreadable(f"only {' and '.join(CHIEFS)} can train")
    return len(machines)


def _unreadable(what: str) -> ConfigError:
    example = (
        '{"cluster": {"worker": ["a:2222", "b:2222"]}, "task": {"type": "worker", "index": 0}}'
    )
    return ConfigError(f"is not understood ({what})", where="TF_CONFIG", cure=f"write {example}")
