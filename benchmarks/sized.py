"""A run folder around a network of known size with random weights: for speed alone."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.input import ImageInput, prepare_image
from edge_agent.contracts.model.manifest import ModelSpec, Provenance
from edge_agent.contracts.model.scoring import Scoring, judge
from edge_agent.contracts.run_folder import write
from edge_agent.contracts.run_folder.golden import GoldenFile
from edge_agent.contracts.run_folder.metrics import RunMetrics, SampleCounts
from edge_agent.contracts.run_folder.rows import Prediction
from edge_agent.simulator.scene import render

LABELS = ["good", "defect"]


def write_sized_run(
    path: Path,
    alpha: float = 0.35,
    size_px: int = 224,
    seed: int = 0,
    *,
    good_logit: float = 0.0,
) -> None:
    """A MobileNetV2 of width `alpha` on `size_px` pixels; random weights need no download.

    good_logit: added to the logit of the good label; 8 makes every part a PASS.
    """
    import keras

    keras.utils.set_random_seed(seed)
    body = keras.applications.MobileNetV2(
        (size_px, size_px, 3), alpha, include_top=False, weights=None, pooling="avg"
    )
    pixels = keras.Input((size_px, size_px, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    bias = keras.initializers.Constant(np.array([good_logit, 0.0]))
    head = keras.layers.Dense(2, bias_initializer=bias)
    network = keras.Model(pixels, head(body(scaled)))
    path.mkdir(parents=True)
    network.save(path / "model.keras")
    spec = ModelSpec(
        name="sized",
        task="image-class",
        architecture=f"mobilenet_v2-{alpha:g}-{size_px}",
        labels=LABELS,
        good=["good"],
        input=ImageInput(width_px=size_px, height_px=size_px, shrink="exact"),  # as `fit` writes
        scoring=Scoring(),
    )
    frames = [render(seed, k, 640, 480) for k in range(40)]
    inputs = np.stack([prepare_image(frame, spec.input) for frame in frames])  # type: ignore[arg-type]
    logits = network.predict(inputs[30:].astype(np.float32), verbose=0)
    _write_tables(path, spec, inputs, logits, frames[30])


def _write_tables(
    path: Path, spec: ModelSpec, inputs: np.ndarray, logits: np.ndarray, frame: Image
) -> None:
    provenance = Provenance(
        dataset_sha256=sha256_hex(inputs.tobytes()),
        training_samples=30,
        held_out_samples=10,
        seed=0,
        created_at="2026-01-01T00:00:00Z",
    )
    metrics = RunMetrics(
        task=spec.task,
        model=spec.architecture,
        parameters=0,
        protocol="random weights",
        samples=SampleCounts(train=30, val=0, test=10),
    )
    write.write_documents(path, spec, provenance, metrics)
    write.write_calibration(path, inputs[:30])
    write.write_held_out(path, inputs[30:], np.arange(10))
    (path / "golden").mkdir()
    cv2.imwrite(str(path / "golden" / "part.png"), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    write.write_golden_list(path, [GoldenFile(file="part.png", label="good")])
    predictions = []
    for row, pair in enumerate(logits):
        judged = judge(pair, LABELS, ["good"], spec.scoring)
        verdict = str(judged.verdict)
        predictions.append(
            Prediction(
                row,
                f"{row}.png",
                "good",
                judged.label,
                judged.score,
                verdict,
                dict(zip(LABELS, map(float, pair), strict=True)),
            )
        )
    write.write_predictions(path, predictions)
