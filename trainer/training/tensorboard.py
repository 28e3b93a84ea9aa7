"""A training's figures as TensorBoard events: `tensorboard --logdir` draws them as they come.

Keras's own callback writes nothing of the epochs that an interrupted training had finished, and
needs Model.fit, which a training on several machines does not use: hence these few lines.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import keras
    import tensorflow as tf

TRAIN, VALIDATION = "train", "validation"


class TensorBoardLog:
    """Events of one training in `folder`/train and `folder`/validation; None writes nothing.

    Tags and steps are those of Keras's own callback: epoch_loss and so on, the first epoch is 0.
    `past`: the rows of finished epochs, written first, in place of what an interrupted training
    left. `rate_after`: finished epochs -> learning rate. One owner; `close` may be called twice.
    """

    def __init__(
        self,
        folder: Path | None,
        past: Iterable[Mapping[str, float]],
        rate_after: Callable[[int], float],
    ) -> None:
        self._folder, self._past, self._rate_after = folder, list(past), rate_after
        self._writers: dict[str, tf.summary.SummaryWriter] = {}

    def callback(self) -> keras.callbacks.Callback:
        """Opens when the training begins, writes after every epoch, closes at the end."""
        import keras

        return keras.callbacks.LambdaCallback(
            on_train_begin=lambda logs: self.open(),
            on_epoch_end=lambda epoch, logs: self.write({"epoch": epoch + 1, **logs}),
            on_train_end=lambda logs: self.close(),
        )

    def open(self) -> None:
        """Begin the files anew with the past rows."""
        import tensorflow as tf

        if self._folder is None:
            return
        for name in (TRAIN, VALIDATION):
            shutil.rmtree(self._folder / name, ignore_errors=True)
            self._writers[name] = tf.summary.create_file_writer(str(self._folder / name))
        for row in self._past:
            self.write(row)

    def write(self, row: Mapping[str, float]) -> None:
        """One epoch: `val_...` goes to the validation curve, all else to the training curve."""
        if not self._writers:
            return
        epoch = int(row["epoch"])
        for name, value in row.items():
            if name != "epoch":
                checked = name.startswith("val_")
                side, tag = (VALIDATION, name[4:]) if checked else (TRAIN, name)
                self._write(side, f"epoch_{tag}", value, epoch - 1)
        self._write(TRAIN, "epoch_learning_rate", self._rate_after(epoch), epoch - 1)
        for writer in self._writers.values():
            writer.flush()

    def close(self) -> None:
        """Close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _write(self, side: str, tag: str, value: float, step: int) -> None:
        import tensorflow as tf

        with self._writers[side].as_default(step=step):
            tf.summary.scalar(tag, value)
