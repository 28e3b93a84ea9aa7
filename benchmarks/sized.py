"""A run folder around a network of known size with random weights: for speed alone."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np

from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.types import Image
from edge_agent.contracts.image.input import ImageInput, prepare_image
from edge_agent.contracts.model.manifest import ModelSpec, Provenance
from edge_agent.contracts.model.scoring import Scoring, judge
from edge_agent.simulator.scene import render

LABELS = ["good", "defect"]


def write_sized_run(path: Path, alpha: float = 0.35, size_px: int = 224, seed: int = 0) -> None:
    """A MobileNetV2 of width `alpha` on `size_px` pixels; random weights need no download."""
    import keras

    keras.utils.set_random_seed(seed)
    body = keras.applications.MobileNetV2(
        (size_px, size_px, 3), alpha, include_top=False, weights=None, pooling="avg"
    )
    pixels = keras.Input((size_px, size_px, 3))
    scaled = keras.layers.Rescaling(1 / 127.5, offset=-1.0)(pixels)
    network = keras.Model(pixels, keras.layers.Dense(2)(body(scaled)))
    path.mkdir(parents=True)
    network.save(path / "model.keras")
    spec = ModelSpec(
        name="sized",
        task="image-class",
        architecture=f"mobilenet_v2-{alpha:g}-{size_px}",
        labels=LABELS,
        good=["good"],
        input=ImageInput(width_px=size_px, height_px=size_px),
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
    (path / "spec.json").write_text(spec.model_dump_json())
    (path / "provenance.json").write_text(provenance.model_dump_json())
    np.savez(path / "calibration.npz", inputs=inputs[:30])
    np.savez(path / "heldout.npz", inputs=inputs[30:], sample=np.arange(10, dtype=np.int32))
    golden = path / "golden"
    golden.mkdir()
    cv2.imwrite(str(golden / "part.png"), cv2.cvtColor(frame, cv2.COLOR_RGB2BGR))
    (golden / "golden.json").write_text(json.dumps([{"file": "part.png", "label": "good"}]))
    with (path / "predictions.csv").open("w", newline="") as sink:
        table = csv.writer(sink)
        names = [f"logit_{label}" for label in LABELS]
        table.writerow(["sample", "path", "label", "predicted", "score", "verdict", *names])
        for row, pair in enumerate(logits):
            said = judge(pair, LABELS, ["good"], spec.scoring)
            known = [row, f"{row}.png", "good", said.label, said.score, str(said.verdict)]
            table.writerow([*known, *map(float, pair)])
