from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edge_agent.contracts.core.errors import ConfigError, DatasetError
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import Task
from edge_agent.contracts.vibration.input import VibrationInput
from trainer.config.fit import FitConfig
from trainer.data.load import load_dataset
from trainer.data.split import Split
from trainer.models.architectures import architectures, find_architecture
from trainer.models.image import cnn
from trainer.models.layers.preprocessing import vibration_spec
from trainer.models.vibration import conv1d

CONFIG = FitConfig()


@pytest.mark.parametrize(("side", "channels"), [(16, 1), (33, 3), (96, 3)])
def test_the_cnn_takes_any_size(side: int, channels: int) -> None:
    spec = ImageInput(width_px=side, height_px=side + 7, channels=channels)  # type: ignore[arg-type]
    network = cnn.build(spec, 4, CONFIG, cnn.ARCHITECTURE.options())
    assert network.input_shape == (None, *spec.shape)
    pixels = np.full((2, *spec.shape), 255, np.float32)
    assert np.asarray(network(pixels)).shape == (2, 4)


def test_the_cnn_is_small() -> None:
    spec = ImageInput(width_px=96, height_px=96)
    assert cnn.build(spec, 2, CONFIG, cnn.ARCHITECTURE.options()).count_params() < 80_000


@pytest.mark.parametrize(("window", "axes"), [(32, 1), (200, 3), (2048, 1)])
def test_the_conv1d_takes_any_window(window: int, axes: int) -> None:
    spec = VibrationInput(
        rate_hz=1000, axes=[str(n) for n in range(axes)], window_samples=window, hop_samples=window
    )
    architecture = conv1d.ARCHITECTURE
    network = architecture.build(spec, 3, CONFIG, architecture.options())
    assert np.asarray(network(np.zeros((2, *spec.shape), np.float32))).shape == (2, 3)
    assert network.count_params() < 64_000


@pytest.mark.parametrize("name", ["cnn", "conv1d"])
def test_a_saved_network_loads_with_stock_keras_alone(name: str, tmp_path: Path) -> None:
    import keras

    architecture = architectures()[name]
    spec = (
        ImageInput(width_px=16, height_px=16)
        if name == "cnn"
        else VibrationInput(rate_hz=100, axes=["x"], window_samples=64, hop_samples=64)
    )
    network = architecture.build(spec, 2, CONFIG, architecture.options())
    network.save(tmp_path / "model.keras")
    assert {type(layer).__module__.split(".")[0] for layer in network.layers} == {"keras"}
    assert keras.saving.load_model(tmp_path / "model.keras").output_shape == (None, 2)


def test_auto_takes_the_default_of_the_task() -> None:
    assert find_architecture("auto", "image-class").name == "cnn"
    assert find_architecture("auto", "image-anomaly").name == "autoencoder"
    assert find_architecture("auto", "vibration-class").name == "conv1d"


def test_auto_makes_use_of_weights() -> None:
    assert find_architecture("auto", "image-class", "imagenet").name == "transfer"
    assert find_architecture("auto", "image-anomaly", "here.weights.h5").name == "auto-anomaly"
    assert find_architecture("auto", "vibration-class", "here.weights.h5").name == "conv1d"


def test_an_unknown_model_gets_a_suggestion() -> None:
    with pytest.raises(ConfigError, match="no model 'cmn' for image-class: did you mean 'cnn'"):
        find_architecture("cmn", "image-class")


def test_a_model_of_another_task_is_refused() -> None:
    with pytest.raises(ConfigError, match="'conv1d' does not do image-class"):
        find_architecture("conv1d", "image-class")


@pytest.mark.parametrize(
    ("old", "task", "new"),
    [
        ("gaussian", "image-anomaly", "padim"),
        ("patches", "image-anomaly", "patchcore"),
        ("detector", "image-anomaly", "auto-anomaly"),
        ("spectral", "vibration-anomaly", "mahalanobis"),
    ],
)
def test_a_name_of_the_last_release_finds_the_model(old: str, task: Task, new: str) -> None:
    assert find_architecture(old, task).name == new


def test_every_architecture_says_what_it_is() -> None:
    for name, row in architectures().items():
        assert row.summary
        assert row.tasks
        assert name == row.name


def test_the_scale_is_learnt_on_training_recordings_alone(tmp_path: Path) -> None:
    for n in range(9):
        (tmp_path / "worn").mkdir(exist_ok=True)
        loudness = 100.0 if n >= 6 else 1.0
        signal = loudness * np.sin(np.arange(512))
        np.savez(tmp_path / "worn" / f"{n}.npz", x=signal, fs=100.0)
    dataset = load_dataset(tmp_path)
    first, middle, loud = np.arange(4), np.arange(4, 6), np.arange(6, 9)
    split = Split(dataset, first, middle, loud, "the loud ones held out")
    spec = vibration_spec(split, CONFIG, 64)
    assert spec.rate_hz == 100
    assert spec.full_scale == pytest.approx(1 / np.sqrt(2), rel=0.02)


def test_short_recordings_get_short_windows(tmp_path: Path) -> None:
    (tmp_path / "worn").mkdir()
    for n in range(3):
        np.savez(tmp_path / "worn" / f"{n}.npz", x=np.sin(np.arange(300)), fs=100.0)
    split = Split(load_dataset(tmp_path), *(np.array([n]) for n in range(3)), "each one")
    assert vibration_spec(split, CONFIG, 2048).window_samples == 128


def test_an_axis_that_stands_still_in_all_recordings_is_refused(tmp_path: Path) -> None:
    (tmp_path / "worn").mkdir()
    for n in range(3):
        np.savez(tmp_path / "worn" / f"{n}.npz", x=np.sin(np.arange(300)), y=np.ones(300), fs=100.0)
    (tmp_path / "dataset.toml").write_text(
        'task = "vibration-class"\ngood = ["worn"]\n[vibration]\naxes = ["x", "y"]\n'
    )
    split = Split(load_dataset(tmp_path), *(np.array([n]) for n in range(3)), "each one")
    with pytest.raises(DatasetError, match="axis 'y' never changes in any training recording"):
        vibration_spec(split, CONFIG, 64)
