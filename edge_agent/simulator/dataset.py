"""Data sets from the simulated line: class folders, labels.csv with the groups, dataset.toml."""

from __future__ import annotations

import csv
import io
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from edge_agent.contracts.core.errors import StorageError
from edge_agent.contracts.core.files import storage_error, write_atomic
from edge_agent.contracts.core.types import Image, Signal
from edge_agent.simulator import motor, parts
from edge_agent.simulator.scene import render

Row = dict[str, str]
Told = Callable[[int], None]
"""Takes the number of samples written so far."""

IMAGE_COLUMNS = ["path", "label", "group", "severity", "left", "top", "right", "bottom"]
VIBRATION_COLUMNS = ["path", "label", "group", "rate_hz", "bearing", "rpm", "load", "severity"]

IMAGE_TOML = """\
task = "image-class"
good = ["good"]
labels = "labels.csv"
group = "group"        # parts of one lot share bar stock, tool and finish
"""

VIBRATION_TOML = """\
task = "vibration-class"
good = ["normal"]
labels = "labels.csv"
group = "group"        # readings of one motor
[vibration]
rate_hz = {rate_hz:g}
axes = ["0"]
unit = "g"
"""


def write_images(
    folder: Path,
    count: int,
    seed: int,
    size_px: tuple[int, int],
    defect_rate: float,
    told: Told = lambda _: None,
) -> dict[str, int]:
    """Write parts 0..count-1 of line `seed` as PNG; returns the number of each label."""
    rows: list[Row] = []
    for k in range(count):
        image = render(seed, k, *size_px, defect_rate)
        part = parts.truth(seed, k, defect_rate)
        path = f"{part.label}/{part.part_id}.png"
        _write(folder / path, png_bytes(image))
        rows.append(_image_row(part, path, size_px))
        told(k + 1)
    _write(folder / "labels.csv", _table(rows, IMAGE_COLUMNS))
    write_atomic(folder / "dataset.toml", IMAGE_TOML.encode())
    return _tally(rows)


def write_vibration(
    folder: Path,
    count: int,
    seed: int,
    duration_s: float,
    rate_hz: float,
    defect_rate: float,
    faults: Sequence[str] = motor.BEARING_FAULTS,
    told: Told = lambda _: None,
) -> dict[str, int]:
    """Write readings 0..count-1 of bench `seed` as float .wav; returns the number of each label."""
    rows: list[Row] = []
    for k in range(count):
        run = motor.trial(seed, k, defect_rate, faults)
        signal = motor.record(run, round(duration_s * rate_hz), rate_hz)
        path = f"{run.label}/{run.part_id}.wav"
        _write(folder / path, wav_bytes(signal, rate_hz))
        rows.append(_vibration_row(run, path, rate_hz))
        told(k + 1)
    _write(folder / "labels.csv", _table(rows, VIBRATION_COLUMNS))
    write_atomic(folder / "dataset.toml", VIBRATION_TOML.format(rate_hz=rate_hz).encode())
    return _tally(rows)


def refuse_used(folder: Path) -> None:
    """Raise StorageError when `folder` already holds something."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StorageError(
            "already holds something", where=str(folder), cure="name a new or an empty folder"
        )


def png_bytes(image: Image) -> bytes:
    """RGB to PNG, as OpenCV compresses where nothing is asked: twice as fast as its lightest level,
    whose strategy is another, and as small on noisy pictures.
    """
    pixels = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
    _, payload = cv2.imencode(".png", pixels)
    return payload.tobytes()


def wav_bytes(signal: Signal, rate_hz: float) -> bytes:
    """float32 (T, C) to a 32-bit IEEE-float RIFF/WAVE file whose samples are in g."""
    channels = signal.shape[1]
    rate = round(rate_hz)
    body = np.ascontiguousarray(signal, "<f4").tobytes()
    shape = struct.pack("<HHIIHHH", 3, channels, rate, rate * channels * 4, channels * 4, 32, 0)
    fact = struct.pack("<I", len(signal))
    chunks = b"".join(
        name + struct.pack("<I", len(content)) + content
        for name, content in ((b"fmt ", shape), (b"fact", fact), (b"data", body))
    )
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def _image_row(part: parts.Part, path: str, size_px: tuple[int, int]) -> Row:
    box = part.box_px(*size_px) or ("", "", "", "")
    severity = f"{part.defect.severity:.3f}" if part.defect else ""
    values = (path, part.label, f"lot-{part.seed}-{part.lot:03d}", severity, *map(str, box))
    return dict(zip(IMAGE_COLUMNS, values, strict=True))


def _vibration_row(run: motor.Trial, path: str, rate_hz: float) -> Row:
    is_bad = run.label != motor.NORMAL
    values = (
        path,
        run.label,
        f"motor-{run.seed}-{run.machine:03d}",
        f"{rate_hz:g}",
        run.motor.bearing.name,
        f"{60 * run.shaft_hz:.1f}",
        f"{run.load:.3f}",
        f"{run.severity:.3f}" if is_bad else "",
    )
    return dict(zip(VIBRATION_COLUMNS, values, strict=True))


def _table(rows: list[Row], columns: list[str]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def _write(path: Path, payload: bytes) -> None:
    """A plain write: a data set that was cut short lacks its dataset.toml."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(payload)
    except OSError as error:
        raise storage_error(path, error) from error


def _tally(rows: list[Row]) -> dict[str, int]:
    labels = [row["label"] for row in rows]
    return {label: labels.count(label) for label in sorted(set(labels))}
