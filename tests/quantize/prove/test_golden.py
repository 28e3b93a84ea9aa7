"""Golden samples of a bundle: recordings are cut to a few windows, pictures travel as they are."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.run_folder.golden import GoldenFile
from edge_agent.contracts.vibration.input import VibrationInput
from quantize.prove.golden import WINDOWS, decode_golden, read_golden

SIGNAL = VibrationInput(rate_hz=500, axes=["x", "y"], window_samples=64, hop_samples=32)
IMAGE = ImageInput(width_px=16, height_px=16)


def run_of(folder: Path, spec: Any, *entries: GoldenFile) -> Any:
    """What read_golden asks of a run: its folder, its input and its list."""
    return SimpleNamespace(
        path=folder, spec=SimpleNamespace(input=spec), golden=lambda: list(entries)
    )


def test_a_recording_is_cut_to_its_windows_at_its_own_rate(tmp_path: Path) -> None:
    (tmp_path / "golden").mkdir()
    rate_hz = 1000.0
    signal = np.random.default_rng(1).normal(size=(5000, 2)).astype(np.float32)
    np.savez(tmp_path / "golden" / "0-ok.npz", x=signal[:, 0], y=signal[:, 1], fs=rate_hz)
    entry = GoldenFile(file="0-ok.npz", label="ok", rate_hz=rate_hz, axes=["x", "y"], rpm=1500.0)
    (golden,) = read_golden(run_of(tmp_path, SIGNAL, entry))
    length = 2 * (64 + (WINDOWS - 1) * 32 + 1)  # twice the model's rate
    assert golden.recording is not None
    np.testing.assert_array_equal(golden.recording.signal, signal[:length])
    stored = np.load(io.BytesIO(golden.payload), allow_pickle=False)
    np.testing.assert_array_equal(stored["y"], signal[:length, 1])
    assert (float(stored["rate_hz"]), float(stored["rpm"])) == (rate_hz, 1500.0)
    assert golden.name == "golden/0-ok.npz"


def test_a_short_recording_stays_whole(tmp_path: Path) -> None:
    (tmp_path / "golden").mkdir()
    np.savez(tmp_path / "golden" / "0-ok.npz", x=np.zeros(70), y=np.zeros(70), fs=500.0)
    entry = GoldenFile(file="0-ok.npz", label="ok", rate_hz=500.0, axes=["x", "y"])
    (golden,) = read_golden(run_of(tmp_path, SIGNAL, entry))
    assert golden.recording is not None
    assert golden.recording.signal.shape == (70, 2)
    assert "rpm" not in np.load(io.BytesIO(golden.payload), allow_pickle=False)


def test_a_picture_travels_byte_by_byte_and_is_read_in_the_order_rgb(tmp_path: Path) -> None:
    (tmp_path / "golden").mkdir()
    picture = np.random.default_rng(2).integers(0, 256, (20, 30, 3), np.uint8)
    payload = cv2.imencode(".png", picture[:, :, ::-1])[1].tobytes()
    (tmp_path / "golden" / "1-dent.png").write_bytes(payload)
    entry = GoldenFile(file="1-dent.png", label="dent")
    (golden,) = read_golden(run_of(tmp_path, IMAGE, entry))
    assert (golden.name, golden.label, golden.payload) == ("golden/1-dent.png", "dent", payload)
    np.testing.assert_array_equal(decode_golden(golden, IMAGE), picture)


@pytest.mark.parametrize("payload", [b"", b"\x89PNG\r\n\x1a\nbroken", None])
def test_a_damaged_or_missing_picture_is_refused(tmp_path: Path, payload: bytes | None) -> None:
    (tmp_path / "golden").mkdir()
    if payload is not None:
        (tmp_path / "golden" / "0.png").write_bytes(payload)
    with pytest.raises(LinesideError, match=r"0\.png"):
        read_golden(run_of(tmp_path, IMAGE, GoldenFile(file="0.png", label="ok")))
