"""The golden samples of a bundle: raw files of the test split that any station can read."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from edge_agent.contracts.core.types import Image, Judgement, Recording
from edge_agent.contracts.image.decode import decode_image
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.manifest import InputSpec
from edge_agent.contracts.process.input import TabularInput
from edge_agent.contracts.process.tables import parse_table
from edge_agent.contracts.run_folder.files import GOLDEN, document_bytes
from edge_agent.contracts.run_folder.golden import (
    GoldenEntries,
    GoldenEntry,
    GoldenFile,
    read_payload,
)
from edge_agent.contracts.run_folder.run import RunFolder
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.contracts.vibration.recordings import read_recording
from edge_agent.infer.bundle_inspector import BundleInspector

WINDOWS = 4
"""Windows kept of a golden recording: bundles travel over thin lines."""


@dataclass(frozen=True)
class Golden:
    """One golden sample as it lies in the bundle; `recording` is what `payload` holds of it."""

    name: str
    label: str
    payload: bytes
    recording: Recording | None = None


def read_golden(run: RunFolder) -> list[Golden]:
    """The run's golden files; recordings are cut to a few windows and become .npz, which every
    station reads without further packages.
    """
    spec = run.spec.input
    if isinstance(spec, TabularInput):
        return [_rows(run.path, one) for one in run.golden()]
    if isinstance(spec, VibrationInput):
        return [_recording(run.path, one, spec) for one in run.golden()]
    return [_image(run.path, one) for one in run.golden()]


def judge_golden(inspector: BundleInspector, one: Golden) -> Judgement:
    """What the model says of a golden sample."""
    if one.recording is not None:
        return inspector.inspect(one.recording)
    if inspector.spec.input.kind == "tabular":
        return inspector.inspect(parse_table(one.payload.decode(), one.name))
    return inspector.inspect(decode_golden(one, inspector.spec.input))


def decode_golden(one: Golden, spec: InputSpec) -> Image:
    """The picture of a golden sample."""
    depth = spec.bit_depth if isinstance(spec, ImageInput) else None
    return decode_image(one.payload, one.name, depth)


def golden_files(inspector: BundleInspector, golden: list[Golden]) -> dict[str, bytes]:
    """The golden files of a bundle by name, with golden.json: what each must be judged as."""
    entries = [_entry(inspector, one) for one in golden]
    files = {one.name: one.payload for one in golden}
    return {**files, GOLDEN: document_bytes(GoldenEntries(entries), exclude_none=True)}


def _entry(inspector: BundleInspector, one: Golden) -> GoldenEntry:
    judgement = judge_golden(inspector, one)
    recording = one.recording
    return GoldenEntry(
        file=Path(one.name).name,
        label=one.label,
        verdict=str(judgement.verdict),
        score=round(judgement.score, 6),
        rate_hz=recording.rate_hz if recording else None,
        axes=list(recording.axes) if recording else None,
    )


def _image(run_path: Path, one: GoldenFile) -> Golden:
    payload = read_payload(run_path / "golden", one)
    decode_image(payload, one.file, 16)
    return Golden(f"golden/{Path(one.file).name}", one.label, payload)


def _rows(run_path: Path, one: GoldenFile) -> Golden:
    payload = read_payload(run_path / "golden", one)
    parse_table(payload.decode(), one.file)
    return Golden(f"golden/{Path(one.file).name}", one.label, payload)


def _recording(run_path: Path, one: GoldenFile, spec: VibrationInput) -> Golden:
    path = run_path / "golden" / one.file
    read_payload(run_path / "golden", one)
    whole = read_recording(path, one.axes or spec.axes, one.rate_hz, spec.unit, one.rpm)
    ratio = whole.rate_hz / spec.rate_hz
    length = int(np.ceil((spec.window_samples + (WINDOWS - 1) * spec.hop_samples + 1) * ratio))
    signal = whole.signal[:length]
    axes = tuple(spec.axes)
    cut = Recording(signal, whole.rate_hz, axes, spec.unit, one.file, whole.rpm)
    return Golden(f"golden/{Path(one.file).stem}.npz", one.label, _npz(cut), cut)


def _npz(recording: Recording) -> bytes:
    columns = {axis: recording.signal[:, column] for column, axis in enumerate(recording.axes)}
    numbers = {"rate_hz": np.float64(recording.rate_hz)}
    if recording.rpm is not None:
        numbers["rpm"] = np.float64(recording.rpm)
    buffer = io.BytesIO()
    np.savez(buffer, allow_pickle=False, **numbers, **columns)
    return buffer.getvalue()
