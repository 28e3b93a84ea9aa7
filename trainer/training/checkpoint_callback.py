"""The Keras callback that keeps a training's last finished epoch, and puts it back."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from trainer.training.checkpoints import Checkpoint, CheckpointFiles, assign, values_of

if TYPE_CHECKING:
    import keras


class Shuffle:
    """The order of an epoch's samples, and the generator that draws it and the variations."""

    def __init__(self, rng: np.random.Generator, order: NDArray[np.intp]) -> None:
        self.rng = rng
        self.order = order


class CheckpointCallback:
    """Reads and writes the state of one training. Give its callback after `stop`.

    Keras shuffles the batches of an epoch by Python's own generator: its state is kept as well.

    rows: the history so far, one row an epoch; first_epoch: how many epochs are behind it.
    """

    def __init__(
        self,
        files: CheckpointFiles,
        network: keras.Model,
        shuffle: Shuffle,
        stop: keras.callbacks.EarlyStopping,
    ) -> None:
        self._files, self._network, self._shuffle, self._stop = files, network, shuffle, stop
        self._found = files.read()
        facts = self._found.facts if self._found else {}
        self.rows: list[Mapping[str, float]] = list(facts.get("rows", []))
        self.ended = bool(facts.get("ended", False))

    def first_epoch(self, epochs: int) -> int:
        """Where Keras's fit begins; `epochs` for a training that had come to its end."""
        return epochs if self.ended else len(self.rows)

    def callback(self) -> keras.callbacks.Callback:
        """Restores at the beginning of the training, keeps at the end of every epoch."""
        import keras

        return keras.callbacks.LambdaCallback(on_train_begin=self._restore, on_epoch_end=self._keep)

    def _restore(self, logs: object) -> None:
        del logs
        if self._found is None:
            return
        optimiser = self._network.optimizer
        if not optimiser.built:
            optimiser.build(self._network.trainable_variables)
        assign(self._network.variables, self._found.variables)
        assign(optimiser.variables, self._found.optimiser)
        facts, stop = self._found.facts, self._stop
        stop.wait, stop.best, stop.best_epoch = (facts[k] for k in ("wait", "best", "best_epoch"))
        stop.best_weights = list(self._found.best)
        version, words, gauss = facts["python_random"]
        random.setstate((version, tuple(words), gauss))
        self._shuffle.rng.bit_generator.state = facts["generator"]
        self._shuffle.order = np.array(facts["order"], np.intp)
        self._found = None

    def _keep(self, epoch: int, logs: Mapping[str, float]) -> None:
        stop = self._stop
        self.rows.append({"epoch": epoch + 1, **{k: float(v) for k, v in logs.items()}})
        if self._files.state is None:
            return
        facts = {
            "rows": self.rows,
            "ended": bool(self._network.stop_training),
            "wait": stop.wait,
            "best": None if stop.best is None else float(stop.best),
            "best_epoch": stop.best_epoch,
            "python_random": random.getstate(),
            "generator": self._shuffle.rng.bit_generator.state,
            "order": self._shuffle.order.tolist(),
        }
        variables, optimiser = values_of(self._network), values_of(self._network.optimizer)
        self._files.write(Checkpoint(facts, variables, optimiser, stop.best_weights or []))
