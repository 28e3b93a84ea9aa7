"""A fit that was killed goes on, and comes to the same weights as one that was not."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from edge_agent.contracts.core.toml import read_toml
from edge_agent.contracts.image.input import ImageInput
from trainer.__main__ import main
from trainer.config.fit import FitConfig, ImageTable
from trainer.console.progress import Bar, SilentProgress
from trainer.data.dataset_toml import DatasetConfig
from trainer.data.load import load_dataset
from trainer.data.prepare import Prepared
from trainer.data.samples import Dataset, Sample
from trainer.data.split import Split, plan_split
from trainer.models.image import autoencoder
from trainer.run_folder.run import open_fitted_run
from trainer.training.api import NoOptions, Training
from trainer.training.checkpoint_callback import CheckpointCallback, Shuffle
from trainer.training.checkpoints import (
    Checkpoint,
    CheckpointFiles,
    CheckpointFolder,
    open_checkpoints,
)
from trainer.training.gradient import descend, seed_everything
from trainer.workflow.experiment import run_experiment
from trainer.workflow.fit import FitRequest, fit
from trainer.workflow.preparation import prepare_training, resolve

CONFIG = "batch = 8\nepochs = 8\nmodel = 'cnn'\n[image]\nsize_px = 32\n"


class Heard:
    """A Progress that keeps its sentences."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def say(self, sentence: str) -> None:
        self.said.append(sentence)


def words(plates: Path, out: Path, *more: str) -> list[str]:
    config = out.with_name("fit.toml")
    config.write_text(CONFIG)
    words = ["fit", str(plates), "--out", str(out), "--config", str(config)]
    return [*words, "--weights", "none", *more]


def kill_after_epochs(command: list[str], state: Path, epochs: int) -> int:
    """SIGKILL the fit as soon as its state tells that many epochs; returns how many it tells."""
    child = subprocess.Popen([sys.executable, "-m", "trainer", *command], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 300  # a busy machine takes a minute to start TensorFlow
    try:
        while time.monotonic() < deadline and child.poll() is None:
            found = CheckpointFiles(state).read()
            if found and len(found.facts["rows"]) >= epochs:
                break
            time.sleep(0.005)
    finally:
        child.kill()
    assert child.wait() == -signal.SIGKILL
    found = CheckpointFiles(state).read()
    assert found is not None
    return len(found.facts["rows"])


def weights_of(run: Path) -> list[np.ndarray]:
    return list(keras.saving.load_model(run / "model.keras", compile=False).get_weights())


class Interrupting(SilentProgress):
    """Ctrl-C after so many finished epochs."""

    def __init__(self, epochs: int) -> None:
        self._left = epochs

    @contextmanager
    def steps(self, what: str, total: int) -> Iterator[Bar]:
        del total
        yield self if what == "training" else _Patient()

    def advance(self, steps: int = 1, note: str = "") -> None:
        if note:
            self._left -= 1
            if not self._left:
                raise KeyboardInterrupt


class _Patient:
    def advance(self, steps: int = 1, note: str = "") -> None:
        del steps, note


@pytest.fixture(scope="module")
def resumed(plates: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that was interrupted once, after its second epoch."""
    out = tmp_path_factory.mktemp("interrupted") / "run"
    command = words(plates, out, "--tensorboard")
    config = read_toml(out.with_name("fit.toml"), FitConfig)
    config = config.model_copy(update={"weights": "none"})
    request = FitRequest(plates, config, out, tensorboard=True)
    with pytest.raises(KeyboardInterrupt):
        fit(request, Interrupting(2))
    found = CheckpointFiles(out.with_name("run.unfinished") / "training-1.npz").read()
    assert found is not None
    assert len(found.facts["rows"]) == 2
    assert not out.exists()
    assert main(command) == 0
    return out


@pytest.mark.slow
def test_an_interrupted_fit_ends_with_the_weights_of_an_uninterrupted_one(
    resumed: Path, plates: Path
) -> None:
    ends_as_an_uninterrupted_one(resumed, plates)


@pytest.mark.slow
def test_a_killed_fit_ends_with_the_weights_of_an_uninterrupted_one(
    plates: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    command = words(plates, out)
    done = kill_after_epochs(command, out.with_name("run.unfinished") / "training-1.npz", 2)
    assert not out.exists()
    assert 2 <= done < 8
    assert main(command) == 0
    ends_as_an_uninterrupted_one(out, plates)


def ends_as_an_uninterrupted_one(run: Path, plates: Path) -> None:
    config = read_toml(run.with_name("fit.toml"), FitConfig)
    whole = run_experiment(plan_split(load_dataset(plates), config), config, "plates").fitted
    for one, other in zip(weights_of(run), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    told = open_fitted_run(run).history()["val_loss"].tolist()
    assert told == [row["val_loss"] for row in whole.history]


@pytest.mark.slow
def test_nothing_of_the_interruption_is_left(resumed: Path) -> None:
    assert {path.name for path in resumed.parent.iterdir()} == {"run", "fit.toml"}


@pytest.mark.slow
def test_tensorboard_reads_every_epoch_once(resumed: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = resumed
    history = (run / "history.csv").read_text().splitlines()
    names = history[0].split(",")
    for side, tag, column in (
        ("train", "epoch_loss", "loss"),
        ("validation", "epoch_accuracy", "val_accuracy"),
    ):
        events = accumulator.EventAccumulator(str(run / "logs" / side))
        events.Reload()
        told = events.Tensors(tag)
        assert [event.step for event in told] == list(range(len(history) - 1))
        values = [float(tf.make_ndarray(event.tensor_proto)) for event in told]
        expected = [float(row.split(",")[names.index(column)]) for row in history[1:]]
        np.testing.assert_allclose(values, expected, rtol=1e-5)
    rates = accumulator.EventAccumulator(str(run / "logs" / "train"))
    rates.Reload()
    told = rates.Tensors("epoch_learning_rate")
    first, *_, last = (float(tf.make_ndarray(event.tensor_proto)) for event in told)
    assert 0 < last < first < 0.003


def small_training(seed: int = 1) -> Training[NoOptions]:
    """Sixteen pictures of 8 px to learn from and eight to watch; bad ones are darker."""
    plan = DatasetConfig(task="image-class", good=["ok"])
    samples = [Sample(f"{n}.png", "ok" if n % 2 else "bad", group=str(n)) for n in range(24)]
    dataset = Dataset(Path("/nowhere"), plan, tuple(samples))
    inputs = np.random.default_rng(0).integers(0, 200, (24, 8, 8, 3), np.uint8)
    inputs[1::2] += 50
    every = np.arange(24)
    config = FitConfig(seed=seed, epochs=4, patience=4, batch=8, learning_rate=0.01)
    return Training(
        dataset,
        Split(dataset, every[:16], every[16:], every[:0], "drawn"),
        ImageInput(width_px=8, height_px=8),
        dataset.labels,
        Prepared(inputs[:16], every[:16]),
        Prepared(inputs[16:], every[16:]),
        config,
        NoOptions(),
        SilentProgress(),
    )


def learnt(training: Training[NoOptions]) -> tuple[list[Mapping[str, float]], list[np.ndarray]]:
    """The history and the weights of a network of two layers."""
    seed_everything(training.config.seed)
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    layers += [keras.layers.Dense(4, "relu"), keras.layers.Dropout(0.2), keras.layers.Dense(2)]
    network = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    return descend(network, training, training.config.learning_rate), network.get_weights()


def test_an_interrupted_training_ends_with_the_weights_of_an_uninterrupted_one(
    tmp_path: Path,
) -> None:
    whole = learnt(small_training())
    folder = partial(CheckpointFolder, tmp_path)
    with pytest.raises(KeyboardInterrupt):
        learnt(replace(small_training(), checkpoints=folder(), progress=Interrupting(2)))
    again = learnt(replace(small_training(), checkpoints=folder()))
    assert again[0] == whole[0]
    for one, other in zip(again[1], whole[1], strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_same_seed_gives_the_same_network_and_another_seed_another() -> None:
    first, same, other = (learnt(small_training(seed))[1] for seed in (5, 5, 6))
    for one, again in zip(first, same, strict=True):
        np.testing.assert_array_equal(one, again)
    assert not np.array_equal(first[0], other[0])


STATE = Checkpoint({"rows": [{"epoch": 1, "loss": 0.5}]}, [np.ones(3)], [np.zeros(2)], [])


@pytest.mark.parametrize("mark", ["same", "other"])
def test_only_the_same_fit_goes_on(mark: str, tmp_path: Path) -> None:
    kept = CheckpointFolder(tmp_path / "run.unfinished", "same").next_training()
    kept.write(STATE)
    progress = Heard()
    found = open_checkpoints(tmp_path / "run", mark, False, progress).next_training().read()
    if mark == "same":
        assert found is not None
        np.testing.assert_array_equal(found.variables[0], np.ones(3))
        assert "goes on after 1 finished epochs" in progress.said[0]
    else:
        assert found is None
        assert "starting afresh" in progress.said[0]


def test_a_damaged_state_starts_afresh(tmp_path: Path) -> None:
    kept = CheckpointFolder(tmp_path / "run.unfinished", "same").next_training()
    kept.write(STATE)
    assert kept.state is not None
    kept.state.write_bytes(kept.state.read_bytes()[:200])
    progress = Heard()
    assert (
        open_checkpoints(tmp_path / "run", "same", False, progress).next_training().read() is None
    )
    assert "starting afresh" in progress.said[0]


def test_every_training_of_a_fit_has_a_place_of_its_own(tmp_path: Path) -> None:
    kept = CheckpointFolder(tmp_path / "run.unfinished", "same", logged=True)
    first, second = kept.next_training(), kept.next_training()
    assert first.state != second.state
    assert first.logs != second.logs


def test_a_training_that_had_come_to_its_end_is_not_trained_again(tmp_path: Path) -> None:
    place = CheckpointFolder(tmp_path, "same").next_training()
    place.write(Checkpoint({"rows": [{"epoch": 1}], "ended": True}, [], [], []))
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    shuffle = Shuffle(np.random.default_rng(1), np.arange(2))
    bookmark = CheckpointCallback(place, model, shuffle, keras.callbacks.EarlyStopping())
    assert bookmark.first_epoch(30) == 30


@pytest.mark.slow
def test_an_autoencoder_goes_on_too(plates: Path, tmp_path: Path) -> None:
    dataset = load_dataset(plates)
    dataset = replace(dataset, config=dataset.config.model_copy(update={"task": "image-anomaly"}))
    good = np.flatnonzero(~dataset.is_bad())
    split = Split(dataset, good[:8], good[8:16], good[:0], "drawn")
    config = FitConfig(model="autoencoder", epochs=2, batch=8, image=ImageTable(size_px=32))
    architecture, config = resolve(split, config)
    training = prepare_training(split, config, architecture, SilentProgress())
    whole = autoencoder.fit(training)
    broken = replace(training, checkpoints=CheckpointFolder(tmp_path), progress=Interrupting(1))
    with pytest.raises(KeyboardInterrupt):
        autoencoder.fit(broken)
    resumed = autoencoder.fit(replace(training, checkpoints=CheckpointFolder(tmp_path)))
    assert resumed.history == whole.history
    for one, other in zip(resumed.model.get_weights(), whole.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
