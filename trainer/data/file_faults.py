"""Files of a data set that nothing should be trained on: empty, unreadable, misnamed, identical."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

import numpy as np

from edge_agent.contracts.core.errors import InputError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.types import Recording
from edge_agent.contracts.image.decode import decode_image
from trainer.console.progress import Progress
from trainer.data.prepare import read_sample
from trainer.data.samples import Dataset, Sample

Kind = Literal[
    "missing",
    "empty",
    "wrong type",
    "unreadable",
    "signal",
    "contradiction",
    "mask",
    "left out",
]

SUFFIXES = {
    "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif"),
    "PNG": (".png",),
    "BMP": (".bmp", ".dib"),
    "TIFF": (".tif", ".tiff"),
    "WebP": (".webp",),
    "WAVE": (".wav",),
    "ZIP": (".npz",),
    "NumPy array": (".npy",),
    "MATLAB 5": (".mat",),
    "MATLAB 7.3 (HDF5; save it with -v7)": (),
    "Parquet": (".parquet",),
}
"""File type by content -> the suffixes that say so."""

KNOWN_SUFFIXES = frozenset(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)


@dataclass(frozen=True)
class Fault:
    """One file that should be mended or left out."""

    path: str
    kind: Kind
    what: str


@dataclass(frozen=True)
class Inspection:
    """faults: files to mend; identical: paths of byte-identical files, each set sorted."""

    faults: list[Fault]
    identical: list[list[str]]


def inspect_files(dataset: Dataset, progress: Progress) -> Inspection:
    """Read every file once: a fault for each that cannot be trained on as it lies."""
    faults = [Fault(path, "missing", "listed, but not there") for path in dataset.missing]
    owners: dict[str, list[Sample]] = defaultdict(list)
    with progress.steps("reading files", len(dataset.samples)) as bar:
        for index, sample in enumerate(dataset.samples):
            bar.advance()
            try:
                payload = dataset.file(index).read_bytes()
            except OSError as error:
                faults.append(Fault(sample.path, "unreadable", error.strerror or str(error)))
                continue
            owners[sha256_hex(payload)].append(sample)
            faults += _file_faults(dataset, index, payload)
    same = [samples for samples in owners.values() if len(samples) > 1]
    faults += [fault for samples in same for fault in _contradictions(samples)]
    return Inspection(faults, sorted(sorted(s.path for s in samples) for samples in same))


def type_of(payload: bytes) -> str:
    """The file type by its first bytes; empty where it is none that we know."""
    if payload[:4] == b"RIFF":
        return {b"WAVE": "WAVE", b"WEBP": "WebP"}.get(payload[8:12], "")
    for start, name in _MAGIC:
        if payload.startswith(start):
            return name
    return ""


def _file_faults(dataset: Dataset, index: int, payload: bytes) -> list[Fault]:
    path = dataset.samples[index].path
    if not payload:
        return [Fault(path, "empty", "0 bytes")]
    suffix = PurePosixPath(path).suffix.lower()
    file_type = type_of(payload)
    if suffix not in SUFFIXES.get(file_type, ()) and (file_type or suffix in KNOWN_SUFFIXES):
        what = f"named {suffix}, but its content is {file_type or 'of another type'}"
        return [Fault(path, "wrong type", what)]
    checks: dict[str, Callable[[], str]] = {
        "image": lambda: _image_fault(payload, path, dataset.config.image.bit_depth),
        "vibration": lambda: _recording_fault(dataset, index),
    }
    try:
        what = checks[dataset.config.kind]()
    except InputError as error:
        cure = f": {error.cure}" if error.cure else ""
        return [Fault(path, "unreadable", error.what + cure)]
    kind: Kind = "signal" if dataset.config.vibration else "unreadable"
    return [Fault(path, kind, what)] if what else []


def _image_fault(payload: bytes, path: str, bit_depth: int | None) -> str:
    decode_image(payload, path, bit_depth)
    return ""


def _recording_fault(dataset: Dataset, index: int) -> str:
    recording = read_sample(dataset, index)
    if not np.isfinite(recording.signal).all():
        return "holds values that are not numbers"
    still = _constant_axes(recording)
    return f"axis {still[0]} never changes" if still else ""


def _constant_axes(recording: Recording) -> list[str]:
    spread = recording.signal.max(axis=0) - recording.signal.min(axis=0)
    return [axis for axis, wide in zip(recording.axes, spread, strict=True) if wide == 0]


def _contradictions(samples: list[Sample]) -> list[Fault]:
    labels = sorted({sample.label for sample in samples})
    if len(labels) < 2:
        return []
    others = ", ".join(sample.path for sample in samples[1:3])
    what = f"same bytes as {others}, but labels {' and '.join(labels)}"
    return [Fault(samples[0].path, "contradiction", what)]


_MAGIC = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"BM", "BMP"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"PK\x03\x04", "ZIP"),
    (b"\x93NUMPY", "NumPy array"),
    (b"MATLAB 5.0", "MATLAB 5"),
    (b"MATLAB 7.3", "MATLAB 7.3 (HDF5; save it with -v7)"),
    (b"\x89HDF", "MATLAB 7.3 (HDF5; save it with -v7)"),
    (b"PAR1", "Parquet"),
)
