"""TensorBoard events: what TensorBoard's own reader finds in the files."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from trainer.training.tensorboard import TRAIN, VALIDATION, TensorBoardLog

ROW = {"epoch": 3, "loss": 0.5, "val_loss": 0.75, "val_accuracy": 0.25}


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    import tensorflow as tf

    events = EventAccumulator(str(folder)).Reload()
    return {
        tag: [(one.step, float(tf.make_ndarray(one.tensor_proto))) for one in events.Tensors(tag)]
        for tag in events.Tags()["tensors"]
    }


def test_an_epoch_is_written_at_its_step_from_zero_into_the_curve_of_its_side(
    tmp_path: Path,
) -> None:
    log = TensorBoardLog(tmp_path, [], lambda epochs: 0.5**epochs)
    log.open()
    log.write(ROW)
    log.close()
    assert scalars(tmp_path / TRAIN) == {
        "epoch_loss": [(2, 0.5)],
        "epoch_learning_rate": [(2, 0.125)],
    }
    assert scalars(tmp_path / VALIDATION) == {
        "epoch_loss": [(2, 0.75)],
        "epoch_accuracy": [(2, 0.25)],
    }


def test_past_rows_replace_what_an_interrupted_training_left(tmp_path: Path) -> None:
    for past in ([], [{"epoch": 1, "loss": 4.0}]):
        log = TensorBoardLog(tmp_path, past, lambda epochs: 1.0)
        log.open()
        log.write({"epoch": 2, "loss": 2.0})
        log.close()
    assert scalars(tmp_path / TRAIN)["epoch_loss"] == [(0, 4.0), (1, 2.0)]


def test_without_a_folder_nothing_is_written_and_closing_twice_is_fine(tmp_path: Path) -> None:
    log = TensorBoardLog(None, [ROW], lambda epochs: math.nan)
    log.open()
    log.write(ROW)
    log.close()
    log.close()
    assert list(tmp_path.iterdir()) == []


def test_a_row_without_its_epoch_is_refused(tmp_path: Path) -> None:
    log = TensorBoardLog(tmp_path, [], lambda epochs: 1.0)
    log.open()
    with pytest.raises(KeyError, match="epoch"):
        log.write({"loss": 1.0})
    log.close()
