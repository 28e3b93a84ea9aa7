"""Small data sets drawn on the spot, and one run of each kind fitted once a session."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pytest

from tests.conftest import Shared

RATE_HZ = 2000.0
Rows = list[dict[str, object]]


def draw_plate(rng: np.random.Generator, scratched: bool, size_px: int = 48) -> np.ndarray:
    """A grey plate under uneven light, uint8 (size, size, 3); a defect is a bright scratch."""
    light = np.linspace(90, 120, size_px)[None, :, None] + rng.uniform(-8, 8)
    image = np.broadcast_to(light, (size_px, size_px, 3)) + rng.normal(0, 4, (size_px, size_px, 1))
    image = np.ascontiguousarray(np.clip(image, 0, 255).astype(np.uint8))
    if scratched:
        start = tuple(int(v) for v in rng.integers(8, size_px - 8, 2))
        stop = (start[0] + int(rng.integers(10, 20)), start[1] + int(rng.integers(-12, 12)))
        cv2.line(image, start, stop, (235, 235, 235), 2)
    return image


def record(rng: np.random.Generator, faulty: bool, seconds: float = 0.6) -> np.ndarray:
    """float32 (T, 1) in g: a hum, and in a faulty machine a ringing knock every 25 ms."""
    time_s = np.arange(int(seconds * RATE_HZ)) / RATE_HZ
    signal = 0.3 * np.sin(2 * np.pi * 30 * time_s + rng.uniform(0, 6)) + rng.normal(
        0, 0.05, len(time_s)
    )
    if faulty:
        since = (time_s + rng.uniform(0, 0.025)) % 0.025
        signal += 1.5 * np.exp(-since * 300) * np.sin(2 * np.pi * 600 * since)
    return signal[:, None].astype(np.float32)


def write_rows(path: Path, rows: Rows) -> None:
    """A CSV with the keys of the first row."""
    with path.open("w", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def make_images(root: Path, groups: int = 20, each: int = 3) -> Path:
    """`groups` plates seen `each` times, every second one scratched; groups in labels.csv."""
    rng = np.random.default_rng(7)
    rows: Rows = []
    for group in range(groups):
        label = "scratch" if group % 2 else "ok"
        for view in range(each):
            path = f"{label}/{group:02d}_{view}.png"
            (root / label).mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(root / path), draw_plate(rng, label == "scratch"))
            rows.append({"path": path, "label": label, "plate": group, "camera": view})
    write_rows(root / "labels.csv", rows)
    (root / "dataset.toml").write_text(
        'task = "image-class"\ngood = ["ok"]\nlabels = "labels.csv"\ngroup = "plate"\n'
    )
    return root


def make_recordings(root: Path, machines: int = 4) -> Path:
    """Knocking recordings of several machines and loads, and one long healthy one."""
    rng = np.random.default_rng(8)
    rows: Rows = []
    root.mkdir(parents=True, exist_ok=True)
    for machine in range(machines):
        for load in range(3):
            path = f"knock_{machine}_{load}.npz"
            np.savez(root / path, acc=record(rng, faulty=True)[:, 0], fs=RATE_HZ)
            rows.append({"path": path, "label": "knock", "machine": f"m{machine}", "load": load})
    np.savez(root / "healthy.npz", acc=record(rng, faulty=False, seconds=6)[:, 0], fs=RATE_HZ)
    rows.append({"path": "healthy.npz", "label": "healthy", "machine": "m9", "load": 0})
    write_rows(root / "labels.csv", rows)
    (root / "dataset.toml").write_text(
        'task = "vibration-class"\ngood = ["healthy"]\nlabels = "labels.csv"\ngroup = "machine"\n'
        f'[vibration]\nrate_hz = {RATE_HZ}\naxes = ["acc"]\nunit = "g"\n'
    )
    return root


@pytest.fixture(scope="session")
def plates(shared: Shared) -> Path:
    """An image-class data set of 60 pictures; do not change it."""
    return shared("plates", make_images)


@pytest.fixture(scope="session")
def machines(shared: Shared) -> Path:
    """A vibration-class data set of 13 recordings; do not change it."""
    return shared("machines", make_recordings)


@pytest.fixture
def images(tmp_path: Path) -> Callable[[dict[str, int]], Path]:
    """Folder name -> number of random pictures in it."""

    def make(folders: dict[str, int]) -> Path:
        rng = np.random.default_rng(3)
        for folder, count in folders.items():
            (tmp_path / folder).mkdir(parents=True, exist_ok=True)
            for number in range(count):
                picture = rng.integers(0, 255, (12, 12, 3), np.uint8)
                cv2.imwrite(str(tmp_path / folder / f"{number}.png"), picture)
        return tmp_path

    return make


@pytest.fixture(scope="session")
def plates_run(plates: Path, shared: Shared) -> Path:
    """A run fitted on the plates for a few epochs by the command line."""
    return shared("plates_run", lambda out: fit(plates, out, "[image]\nsize_px = 32\n", 6))


@pytest.fixture(scope="session")
def machines_run(machines: Path, shared: Shared) -> Path:
    """A run fitted on the recordings, load 2 held out."""
    held_out = ["--group", "load", "--held-out", "2"]
    table = "[vibration]\nwindow_samples = 128\n"
    return shared("machines_run", lambda out: fit(machines, out, table, 12, *held_out))


def fit(dataset: Path, out: Path, table: str, epochs: int, *options: str) -> None:
    """`lineside-train fit` with a batch of 8."""
    from trainer.__main__ import main

    config = out.with_suffix(".toml")
    config.write_text(f"batch = 8\n{table}")
    words = ["fit", str(dataset), "--out", str(out), "--config", str(config)]
    words += ["--weights", "none", *options]
    assert main([*words, "--epochs", str(epochs)]) == 0
