"""Small real runs: Keras networks trained for a second, and the bundles made of them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from edge_agent.contracts.image.input import ImageInput, prepare_image
from edge_agent.contracts.model.manifest import ModelSpec, Provenance
from edge_agent.contracts.model.scoring import Scoring, judge
from edge_agent.contracts.run_folder import write
from edge_agent.contracts.run_folder.golden import GoldenFile
from edge_agent.contracts.run_folder.metrics import RunMetrics, SampleCounts
from edge_agent.contracts.run_folder.rows import Prediction
from edge_agent.contracts.vibration.input import VibrationInput, prepare_window
from tests.conftest import Shared
from tests.quantize.conversion_cache import ConversionCache

IMAGE = ImageInput(width_px=32, height_px=32)
SIGNAL = VibrationInput(rate_hz=1000, axes=["x"], window_samples=128, hop_samples=64)
LABELS = ["bad", "good"]


def disc(random: np.random.Generator, *, bad: bool) -> np.ndarray:
    """uint8 (48, 64, 3): a grey disc on a blue belt, with a dark scratch where it is bad."""
    image = np.zeros((48, 64, 3), np.uint8)
    image[:] = (30, 40, int(random.integers(90, 130)))
    centre = (int(random.integers(26, 38)), int(random.integers(20, 28)))
    cv2.circle(image, centre, 16, (170, 160, 150), -1)
    if bad:
        shift = int(random.integers(-6, 6))
        start, end = (centre[0] - 12, centre[1] + shift), (centre[0] + 12, centre[1] - shift)
        cv2.line(image, start, end, (20, 10, 10), 3)
    noise = random.integers(0, 12, image.shape).astype(np.uint8)
    return np.asarray(cv2.add(image, noise))


def hum(random: np.random.Generator, *, bad: bool) -> np.ndarray:
    """float32 (128, 1): a hum of 50 Hz, with a 200 Hz whistle where it is bad."""
    time_s = np.arange(128) / 1000
    wave = np.sin(2 * np.pi * (50 * time_s + random.random()))
    if bad:
        wave = wave + 0.7 * np.sin(2 * np.pi * (200 * time_s + random.random()))
    return (wave + random.normal(0, 0.2, 128)).astype(np.float32)[:, None]


def image_network(head: str = "head") -> Any:
    """A head whose name begins with `float_` stays in float."""
    import keras

    inputs = keras.Input((32, 32, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(inputs)
    for filters in (8, 16):
        x = keras.layers.Conv2D(filters, 3, strides=2, padding="same", use_bias=False)(x)
        x = keras.layers.BatchNormalization(momentum=0.7)(x)
        x = keras.layers.ReLU(6.0)(x)
    x = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, keras.layers.Dense(len(LABELS), name=head)(x))


def signal_network() -> Any:
    import keras

    inputs = keras.Input(SIGNAL.shape)
    x = keras.layers.Conv1D(8, 16, strides=4, padding="same")(inputs)
    x = keras.layers.BatchNormalization(momentum=0.7)(x)
    x = keras.layers.ReLU()(x)
    x = keras.layers.GlobalMaxPooling1D()(x)
    return keras.Model(inputs, keras.layers.Dense(len(LABELS))(x))


def recurrent_network() -> Any:
    import keras

    inputs = keras.Input(SIGNAL.shape)
    x = keras.layers.Conv1D(8, 16, strides=16)(inputs)
    x = keras.layers.GRU(8, name="memory")(x)
    return keras.Model(inputs, keras.layers.Dense(len(LABELS))(x))


def write_run(
    path: Path,
    build: Callable[[], Any],
    spec: ModelSpec,
    inputs: np.ndarray,
    names: list[str],
    golden: dict[str, bytes],
    golden_rate_hz: float | None = None,
) -> Path:
    """A run folder: the first 128 inputs train, the rest are held out; labels alternate."""
    import keras

    # The seed comes before the network: else the tests that ran before choose its first weights.
    keras.utils.set_random_seed(1)
    model = build()
    truth = np.array([LABELS.index(name) for name in names])
    values = inputs.astype(np.float32)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.01), loss)
    model.optimizer.build(model.trainable_variables)  # else TensorFlow traces the step twice
    model.fit(values[:128], truth[:128], batch_size=16, epochs=8, verbose=0)
    logits = np.asarray(model(values[128:], training=False))
    (path / "golden").mkdir(parents=True)
    model.save(path / "model.keras")
    rows = np.arange(len(logits), dtype=np.int32)
    write.write_calibration(path, inputs[:128])
    write.write_held_out(path, inputs[128:], rows)
    provenance = Provenance(
        dataset_sha256="0" * 64,
        training_samples=128,
        held_out_samples=len(rows),
        seed=1,
        created_at="2026-01-01T00:00:00Z",
    )
    counts = SampleCounts(train=128, val=0, test=len(rows))
    metrics = RunMetrics(
        task=spec.task, model="test", parameters=0, protocol="in order", samples=counts
    )
    write.write_documents(path, spec, provenance, metrics)
    (path / "card.md").write_text(f"# {spec.name}\n")
    (path / "report.html").write_text("<html><body><h1>Report</h1></body></html>")
    predictions = []
    for row, logit in enumerate(logits):
        said = judge(logit, spec.labels, spec.good, spec.scoring)
        truth, verdict = names[128 + row], str(said.verdict)
        logits_of = dict(zip(LABELS, map(float, logit), strict=True))
        predictions.append(
            Prediction(row, f"{row}.png", truth, said.label, said.score, verdict, logits_of)
        )
    write.write_predictions(path, predictions)
    for file, payload in golden.items():
        (path / "golden" / file).write_bytes(payload)
    listing = [
        GoldenFile(file=file, label=file.split("-")[0], rate_hz=golden_rate_hz) for file in golden
    ]
    write.write_golden_list(path, listing)
    return path


def spec_of(name: str, given: ImageInput | VibrationInput) -> ModelSpec:
    task = "image-class" if given.kind == "image" else "vibration-class"
    return ModelSpec(
        name=name,
        task=task,
        architecture="test",
        labels=LABELS,
        good=["good"],
        input=given,
        scoring=Scoring(),
    )


def alternating(draw: Callable[..., np.ndarray], count: int) -> tuple[list[np.ndarray], list[str]]:
    random = np.random.default_rng(5)
    names = [LABELS[place % 2] for place in range(count)]
    return [draw(random, bad=name == "bad") for name in names], names


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A conversion starts TensorFlow in a process of its own: slow on a busy machine."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(600))


@pytest.fixture(scope="session")
def image_run(shared: Shared) -> Path:
    return shared("discs", make_image_run)


@pytest.fixture(scope="session")
def exact_run(shared: Shared) -> Path:
    return shared("exact", lambda path: make_image_run(path, "float_head"))


@pytest.fixture(scope="session")
def vibration_run(shared: Shared) -> Path:
    return shared("motor", make_vibration_run)


@pytest.fixture(scope="session")
def recurrent_run(shared: Shared) -> Path:
    return shared("gru", make_recurrent_run)


@pytest.fixture(scope="session")
def converter(shared: Shared) -> ConversionCache:
    return ConversionCache(shared)


@pytest.fixture(scope="session")
def image_bundle(image_run: Path, shared: Shared, converter: ConversionCache) -> Path:
    return shared("discs.bundle", lambda out: make_bundle(image_run, out, converter))


@pytest.fixture(scope="session")
def vibration_bundle(vibration_run: Path, shared: Shared, converter: ConversionCache) -> Path:
    return shared("motor.bundle", lambda out: make_bundle(vibration_run, out, converter))


def make_bundle(run: Path, out: Path, converter: ConversionCache) -> None:
    from quantize.workflow.convert import ConvertRequest, convert

    convert(ConvertRequest(run, out), lambda text: None, converter)


def make_image_run(path: Path, head: str = "head") -> None:
    pictures, names = alternating(disc, 388)
    inputs = np.stack([prepare_image(picture, IMAGE) for picture in pictures])
    golden = {
        f"{names[-place]}-{place}.png": cv2.imencode(".png", pictures[-place][:, :, ::-1])[
            1
        ].tobytes()
        for place in range(1, 5)
    }
    write_run(path, lambda: image_network(head), spec_of("discs", IMAGE), inputs, names, golden)


def make_vibration_run(path: Path) -> None:
    signals, names = alternating(hum, 388)
    inputs = np.stack([prepare_window(signal, SIGNAL) for signal in signals])
    golden = {}
    for place in range(1, 3):
        whole = np.concatenate(signals[-place - 8 : -place + 1 or None : 2])
        golden[f"{names[-place]}-{place}.csv"] = "\n".join(
            ["x", *(f"{value:.6f}" for value in whole[:, 0])]
        ).encode()
    spec = spec_of("motor", SIGNAL)
    write_run(path, signal_network, spec, inputs, names, golden, 1000.0)


def make_recurrent_run(path: Path) -> None:
    signals, names = alternating(hum, 388)
    inputs = np.stack([prepare_window(signal, SIGNAL) for signal in signals])
    golden = {"good-1.csv": "\n".join(["x", *map(str, np.zeros(400))]).encode()}
    write_run(path, recurrent_network, spec_of("gru", SIGNAL), inputs, names, golden, 1000.0)
