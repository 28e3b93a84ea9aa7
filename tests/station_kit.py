"""What tests of a station need: small bundles, frames, recordings, a station.toml, a broker."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.brokers import Mosquitto, find_mosquitto
from edge_agent.capture.source import EndOfSource
from edge_agent.contracts.core.types import Item, Recording, Verdict
from edge_agent.contracts.image.input import ImageInput, prepare_image
from edge_agent.contracts.model.bundle import MODEL, VECTORS, write_bundle
from edge_agent.contracts.model.manifest import (
    FORMAT_VERSION,
    OLDEST_AGENT,
    Manifest,
    ModelSpec,
    Provenance,
)
from edge_agent.contracts.model.scoring import Scoring
from edge_agent.contracts.process.input import Derived, Feature, TabularInput, Tag, newest_window
from edge_agent.contracts.process.tables import parse_table
from edge_agent.contracts.vibration.baseline import standard_of
from edge_agent.contracts.vibration.input import VibrationInput, prepare_recording
from edge_agent.contracts.vibration.views import SpectrumView
from edge_agent.contracts.wire.kinds.health import HealthMessage
from edge_agent.contracts.wire.kinds.verdict import ChannelVerdict, VerdictMessage
from edge_agent.infer.bundle_inspector import BundleInspector
from edge_agent.infer.parity_vectors import Vector, VectorEntry, VectorIndex, pack_vectors
from edge_agent.infer.runtime_choice import open_runtime
from edge_agent.infer.self_test import tensor_hash

MODELS = Path(__file__).parent / "edge_agent" / "models"

HEALTH = HealthMessage(
    station="test",
    at_ns=1,
    parts=3,
    passed=1,
    failed=1,
    no_verdict=1,
    frames_dropped=0,
    outbox_waiting=0,
    rss_mb=1,
)

IMAGE_SPEC = ModelSpec(
    name="brightness",
    task="image-class",
    architecture="by-hand",
    labels=["dark", "bright"],
    good=["bright"],
    input=ImageInput(width_px=32, height_px=32),
    scoring=Scoring(),
)
VIBRATION_SPEC = ModelSpec(
    name="loudness",
    task="vibration-class",
    architecture="by-hand",
    labels=["quiet", "loud"],
    good=["quiet"],
    input=VibrationInput(
        rate_hz=1000, axes=["x"], window_samples=64, hop_samples=64, detrend="none"
    ),
    scoring=Scoring(),
)
HUM_SPEC = VIBRATION_SPEC.model_copy(
    update={
        "input": VibrationInput(
            rate_hz=1000,
            axes=["x"],
            window_samples=256,
            hop_samples=256,
            views=[SpectrumView(bins=64, high_hz=500)],
            standard=standard_of([np.full(64, -4.7)], np.full(64, 0.5), 8.0),
        )
    }
)
"""White noise of 0.1 g is quiet, noise ten times louder is strange."""
POWER_SPEC = ModelSpec(
    name="power",
    task="tabular-class",
    architecture="by-hand",
    labels=["ok", "hot"],
    good=["ok"],
    input=TabularInput(
        tags=[
            Tag(name="torque [Nm]", unit="Nm", low=0, high=120),
            Tag(name="speed [rpm]", unit="rpm", missing="fill", fill=1500.0),
        ],
        derived=[Derived(name="load", op="product", of=["torque [Nm]", "speed [rpm]"])],
        features=[
            Feature(of="torque [Nm]", edges=[0.0, 120.0]),
            Feature(of="load", edges=[0.0, 100_000.0]),
        ],
    ),
    scoring=Scoring(),
)
DRIFT_SPEC = ModelSpec(
    name="drift",
    task="tabular-anomaly",
    architecture="by-hand",
    labels=["normal"],
    good=["normal"],
    input=TabularInput(
        tags=[Tag(name="air [K]", unit="K", low=200, high=400, missing="hold")],
        features=[Feature(of="air [K]", edges=[280.0, 320.0])],
        window_rows=4,
        short="repeat-first",
    ),
    scoring=Scoring(kind="anomaly", threshold=0.5),
)


def write_image_bundle(path: Path, score_off: float = 0.0, spec: ModelSpec = IMAGE_SPEC) -> Path:
    """A bundle that fails dark frames; `score_off` makes its parity vector wrong."""
    image = np.full((40, 48, 3), 200, np.uint8)
    entry = VectorEntry(name="grey", kind="pixels")
    _write(path, spec, Vector(entry, image), [prepare_image(image, _image())], score_off)
    return path


def write_vibration_bundle(path: Path, spec: ModelSpec = VIBRATION_SPEC) -> Path:
    """A bundle that fails loud recordings (1 kHz, axis x, g), or strange ones (HUM_SPEC)."""
    signal = np.sin(np.arange(512, dtype=np.float32))[:, None]
    recording = Recording(signal, 1000.0, ("x",))
    assert isinstance(spec.input, VibrationInput)
    windows = list(prepare_recording(recording, spec.input))
    entry = VectorEntry(name="sine", kind="signal", rate_hz=1000)
    _write(path, spec, Vector(entry, signal), windows, 0.0)
    return path


def write_process_bundle(path: Path, spec: ModelSpec = POWER_SPEC) -> Path:
    """A bundle that fails rows of more than 50,000 Nm/min, or the four warmest (DRIFT_SPEC)."""
    text = "torque [Nm],speed [rpm],air [K]\n20,1200,290\n30,1300,300\n"
    raw = np.frombuffer(text.encode(), np.uint8)
    assert isinstance(spec.input, TabularInput)
    prepared = [newest_window(parse_table(text, "rows"), spec.input)]
    _write(path, spec, Vector(VectorEntry(name="row", kind="rows"), raw), prepared, 0.0)
    return path


def write_frame(path: Path, level: int, size: tuple[int, int] = (64, 48), seed: int = 0) -> Path:
    """A noisy grey PNG of `size` (width, height)."""
    width, height = size
    noise = np.random.default_rng(seed).integers(-4, 5, (height, width, 3))
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.clip(noise + level, 0, 255).astype(np.uint8))
    return path


def write_frames(folder: Path, count: int, size: tuple[int, int] = (64, 48)) -> Path:
    """`count` frames, every fourth one dark."""
    for k in range(count):
        write_frame(folder / f"part{k:04d}.png", 40 if k % 4 == 3 else 200, size, seed=k)
    return folder


UNHURRIED = "[line]\ndeadline_ms = 60000"
"""No verdict is late, however busy the machine is: a test of lateness gives its own [line]."""


def write_station(folder: Path, source: str, **tables: str) -> Path:
    """A station.toml with one image channel; `tables` are TOML bodies by table name."""
    parts = [f'[station]\nid = "test"\n{tables.pop("station", "")}']
    parts += ["[trust]\nallow_unsigned = true"] if "trust" not in tables else []
    parts += [UNHURRIED] if "line" not in tables else []
    parts += [f"[{name}]\n{body}" for name, body in tables.items()]
    parts += [
        '[[channel]]\nname = "top"\nkind = "image"\nbundle = "brightness.bundle"',
        f"[channel.source]\n{source}",
    ]
    path = folder / "station.toml"
    path.write_text("\n".join(parts) + "\n")
    return path


def verdict(event_id: str = "", part_id: str = "p") -> VerdictMessage:
    """A NO-VERDICT of one channel; without `event_id` as a station hands it over."""
    message = VerdictMessage(
        station="test",
        at_ns=1,
        part_id=part_id,
        verdict=Verdict.NO_VERDICT,
        action="reject",
        latency_ms=1,
        deadline_ms=2,
        channels=[ChannelVerdict(channel="top", bundle="caps 1.0.0", verdict=Verdict.NO_VERDICT)],
    )
    return message.model_copy(update={"event_id": event_id})


def wait_until(holds: Callable[[], object], limit_s: float = 30.0) -> bool:
    """Whether `holds` became true in time."""
    until = time.monotonic() + limit_s
    while not holds():
        if time.monotonic() > until:
            return False
        time.sleep(0.01)
    return True


def take_all(take: Callable[[float], Item | None], timeout_s: float = 2.0) -> list[Item]:
    """Every item that a source's `next` or a feed's `take` gives."""
    items: list[Item] = []
    with contextlib.suppress(EndOfSource):
        while True:
            item = take(timeout_s)
            items += [] if item is None else [item]
    return items


@contextlib.contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A file system of its own of `size` (mount's words); skips the test where it cannot be."""
    folder.mkdir()
    words = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(words, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small tmpfs needs root and the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def fill_disk(folder: Path, leave_bytes: int = 0, name: str = "filler") -> Path:
    """Take all but `leave_bytes` of the file system; deleting the file gives them back."""
    filler = folder / name
    with filler.open("wb", buffering=0) as stream, contextlib.suppress(OSError):
        while (left := _free_bytes(folder) - leave_bytes) > 0:
            stream.write(b"\0" * left)
    return filler


def _free_bytes(folder: Path) -> int:
    disk = os.statvfs(folder)
    return disk.f_bavail * disk.f_frsize


def mosquitto(folder: Path, extra: str = "") -> Mosquitto:
    """A broker that is not started yet; skips the test where mosquitto is not installed.

    extra: further lines of its configuration.
    """
    if find_mosquitto() is None:
        pytest.skip("mosquitto is not installed (apt install mosquitto)")
    return Mosquitto(folder, extra=extra)


def _image() -> ImageInput:
    assert isinstance(IMAGE_SPEC.input, ImageInput)
    return IMAGE_SPEC.input


def _write(
    path: Path, spec: ModelSpec, vector: Vector, prepared: list[np.ndarray], score_off: float
) -> None:
    name = IMAGE_SPEC.name if isinstance(spec.input, ImageInput) else spec.name
    model = (MODELS / f"{name}.tflite").read_bytes()
    runtime = open_runtime(model)
    manifest = Manifest(
        format=FORMAT_VERSION,
        oldest_agent=OLDEST_AGENT,
        version="1.0.0",
        spec=spec,
        target="litert-int8",
        runtime="litert>=2.0",
        inputs=runtime.inputs,
        outputs=runtime.outputs,
        provenance=Provenance(
            dataset_sha256="0" * 64,
            training_samples=64,
            held_out_samples=0,
            seed=0,
            created_at="2026-01-01T00:00:00Z",
        ),
        files={},
    )
    inspector = BundleInspector(manifest, runtime)
    vectors = pack_vectors(*_computed(inspector, vector, prepared, score_off))
    inspector.close()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_bundle(path, manifest, {MODEL: model, VECTORS: vectors})


def _computed(
    inspector: BundleInspector, vector: Vector, prepared: list[np.ndarray], score_off: float
) -> tuple[VectorIndex, list[Vector]]:
    spec = inspector.spec
    tensors = [inspector.tensor(one) for one in prepared]
    rows = [inspector.runtime.invoke([tensor[None]]) for tensor in tensors]
    outputs = [np.concatenate(column) for column in zip(*rows, strict=True)]
    judgement = inspector.judge(outputs)
    found = {
        "tensor_sha256": tensor_hash(tensors),
        "label": judgement.label,
        "verdict": str(judgement.verdict),
        "score": judgement.score + score_off,
    }
    entry = vector.entry.model_copy(update=found)
    index = VectorIndex(
        labels=spec.labels, good=spec.good, threshold=spec.scoring.threshold, vectors=[entry]
    )
    tensor = np.stack(tensors) if entry.kind in ("signal", "rows") else None
    return index, [dataclasses.replace(vector, entry=entry, tensor=tensor, outputs=outputs)]
