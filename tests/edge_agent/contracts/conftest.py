"""A small bundle: its container is real, its model is any bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.bundle import write_bundle
from edge_agent.contracts.model.manifest import (
    FORMAT_VERSION,
    Manifest,
    ModelSpec,
    Provenance,
    TensorSpec,
)
from edge_agent.contracts.model.scoring import Scoring

FILES = {"model.tflite": b"TFL3 network", "vectors.npz": b"vectors", "golden/good.png": b"png"}


@pytest.fixture
def manifest() -> Manifest:
    """The manifest of a two-class image model."""
    spec = ModelSpec(
        name="caps",
        task="image-class",
        architecture="cnn",
        labels=["good", "scratch"],
        good=["good"],
        input=ImageInput(width_px=64, height_px=48),
        scoring=Scoring(),
    )
    return Manifest(
        format=FORMAT_VERSION,
        version="1.2.3",
        spec=spec,
        target="x86",
        runtime="litert>=2.0",
        inputs=[TensorSpec(shape=[1, 48, 64, 3], dtype="uint8", scale=1.0)],
        outputs=[TensorSpec(shape=[1, 2], dtype="int8", scale=0.1, zero_point=3)],
        provenance=Provenance(
            dataset_sha256="0" * 64,
            training_samples=10,
            held_out_samples=5,
            seed=0,
            created_at="2026-01-01T00:00:00Z",
        ),
        files={},
    )


@pytest.fixture
def bundle_path(tmp_path: Path, manifest: Manifest) -> Path:
    """A written bundle."""
    path = tmp_path / "caps-1.2.3.bundle"
    write_bundle(path, manifest, FILES)
    return path
