"""The parity vectors of a bundle: real samples and hard cases, with what the workshop computes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import product

import cv2
import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConversionError, InputError
from edge_agent.contracts.core.types import Image, Recording, Tensor
from edge_agent.contracts.image.cut_out import CutOut, NoPartError, axes_of
from edge_agent.contracts.image.input import ImageInput, place_of, within_region
from edge_agent.contracts.process.input import TabularInput
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.infer.bundle_inspector import BundleInspector
from edge_agent.infer.parity_vectors import Vector, VectorEntry, VectorIndex, pack_vectors
from edge_agent.infer.self_test import quantum_of, raw_tensors, tensor_hash
from quantize.prove.golden import Golden, decode_golden
from quantize.prove.tabular_vectors import row_raws

REAL_SAMPLES = 4
"""Golden files that become vectors; the others are made here."""

ODD_PX = (173, 131)
"""Width and height of the odd-sized JPEG: both prime, so that no network's input divides them."""

LARGE_PX = 512

PARTS = ("black", "noisy", "large")
"""The made frames that are drawn on a bar too, where parts are cut out: of the others there is no
part to be seen, and they are refused.
"""

TURNS_DEG = (20.0, 70.0, 5.0, 85.0, 0.0, 90.0)
POWERS = (1.0, 0.5, 0.0)
WAYS = (0.5, 0.25, 0.1)
"""Of the bars that are tried: how they lean, of the box's aspect, and from the least to the largest
area of a part. A leaning one shows how it is turned; a long one fits a narrow frame only upright.
"""

TAPERED = np.array([[-0.5, -0.6], [-0.5, 0.6], [0.5, 0.4], [0.5, -0.4]])
"""Corners of a bar in parts of its sides: one end is half as wide again as the other."""

MOST_OF_A_SIDE = 0.9
"""Of the region: a bar is no longer and no higher, so that it is not partly outside."""

Unit = NDArray[np.float64]


def make_vectors(inspector: BundleInspector, golden: list[Golden]) -> bytes:
    """vectors.npz for the model loaded in `inspector`."""
    spec = inspector.spec
    if isinstance(spec.input, TabularInput):
        raws = row_raws(golden, spec.input)
    elif isinstance(spec.input, VibrationInput):
        raws = _signal_raws(golden, spec.input)
    else:
        raws = _image_raws(golden, spec.input)
    files = {one.name: one.payload for one in golden}
    vectors = [_computed(inspector, files, vector) for vector in raws]
    index = VectorIndex(
        labels=spec.labels,
        good=spec.good,
        threshold=spec.scoring.threshold,
        vectors=[vector.entry for vector in vectors],
    )
    return pack_vectors(index, vectors)


def _image_raws(golden: list[Golden], spec: ImageInput) -> list[Vector]:
    real = [
        Vector(VectorEntry(name=f"golden-{index}", kind="file", file=one.name))
        for index, one in enumerate(_good_and_bad(golden))
    ]
    first = decode_golden(golden[0], spec)
    height, width = spec.height_px + 37, spec.width_px + 53
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    made: dict[str, Image] = {
        "black": np.zeros((height, width, 3), np.uint8),
        "saturated": np.full((height, width, 3), 255, np.uint8),
        "noisy": noise,
        "small": _stripes(max(2, spec.height_px // 3), max(2, spec.width_px // 3)),
        "large": _stripes(*_large(spec)),
    }
    if spec.cut_out:
        made = {
            **made,
            **{f"{name}-part": _as_a_part(made[name], first, spec, spec.cut_out) for name in PARTS},
        }
    odd = VectorEntry(name="odd-jpeg", kind="encoded")
    return [
        *real,
        Vector(odd, np.frombuffer(_odd_jpeg(first), np.uint8)),
        *(Vector(VectorEntry(name=name, kind="pixels"), raw) for name, raw in made.items()),
    ]


def _signal_raws(golden: list[Golden], spec: VibrationInput) -> list[Vector]:
    real = [
        _signal_vector(f"golden-{index}", one.recording)
        for index, one in enumerate(_good_and_bad(golden))
        if one.recording is not None
    ]
    length = spec.window_samples + spec.hop_samples
    shape = (length, len(spec.axes))
    noise = np.random.default_rng(0).standard_normal(shape)
    broken = noise.astype(np.float32)
    broken[length // 2] = np.nan
    loud = np.clip(20 * noise, -8.0, 8.0)  # broad-band: a spectrum with empty bins is all rounding
    made: dict[str, Unit] = {
        "silent": np.zeros(shape),
        "saturated": loud * spec.full_scale,
        "noisy": (noise + 0.5) * spec.full_scale,
    }
    refused = VectorEntry(
        name="not-a-number", kind="signal", rate_hz=spec.rate_hz, rpm=1500.0, refused=True
    )
    return [
        *real,
        *(_signal_vector(name, _made(raw, spec)) for name, raw in made.items()),
        Vector(refused, broken),
    ]


def _signal_vector(name: str, recording: Recording) -> Vector:
    entry = VectorEntry(name=name, kind="signal", rate_hz=recording.rate_hz, rpm=recording.rpm)
    return Vector(entry, recording.signal)


def _made(signal: Unit, spec: VibrationInput) -> Recording:
    """A made signal at the model's rate, of a shaft that turns at 1500 rpm."""
    values = signal.astype(np.float32)
    return Recording(values, spec.rate_hz, tuple(spec.axes), spec.unit, "made here", 1500.0)


def _good_and_bad(golden: list[Golden]) -> list[Golden]:
    """Up to REAL_SAMPLES golden samples, the labels taken in turn."""
    by_label: dict[str, list[Golden]] = {}
    for one in golden:
        by_label.setdefault(one.label, []).append(one)
    turns = max(len(group) for group in by_label.values())
    ordered = [
        group[turn] for turn in range(turns) for group in by_label.values() if turn < len(group)
    ]
    return ordered[:REAL_SAMPLES]


def _odd_jpeg(image: Image) -> bytes:
    small = cv2.resize(image, ODD_PX, interpolation=cv2.INTER_AREA)
    done, payload = cv2.imencode(".jpg", cv2.cvtColor(small, cv2.COLOR_RGB2BGR))
    if not done:
        raise ConversionError("OpenCV writes no JPEG", cure="install another build of OpenCV")
    return payload.tobytes()


def _large(spec: ImageInput) -> tuple[int, int]:
    """Height and width of a frame that is halved, and then still more than twice too large; of a
    large input's only the rows, which keeps the file small.
    """
    across = 4 if spec.width_px <= LARGE_PX else 1
    return 4 * spec.height_px + 36, across * spec.width_px + 52


def _as_a_part(pattern: Image, frame: Image, spec: ImageInput, cut_out: CutOut) -> Image:
    """A bright frame of that shape in whose region lies a bar with the pattern, as large as a part:
    the first of all bars that is seen as one. Raises ConversionError where none is.
    """
    drawn = np.full(frame.shape, 255, np.uint8)
    seen = within_region(drawn, spec.region)
    height, width = seen.shape[:2]
    laid = cv2.resize(pattern, (width, height), interpolation=cv2.INTER_AREA) // 2
    for corners in _bars(cut_out, height, width):
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.rint(corners).astype(np.int32)], 255)
        seen[:] = np.where(mask[:, :, None] > 0, laid, np.uint8(255))
        try:
            place_of(drawn, spec)
        except NoPartError:
            continue
        return drawn
    raise ConversionError(
        f"no bar drawn in {width}x{height} px is seen as a part: {cut_out.sentence()}",
        where="parity vectors",
        cure="fit the run again with other good pictures, or with cut_out = false",
    )


def _bars(cut_out: CutOut, height: int, width: int) -> Iterator[NDArray[np.float32]]:
    """Corners (4, 2) of bars around the middle that lie within height x width, the likest first.

    They taper, so that every machine takes the same end for the heavier one.
    """
    aspect = cut_out.along / cut_out.across
    for way, power, turn in product(WAYS, POWERS, TURNS_DEG):
        share = cut_out.least_area + way * (cut_out.most_area - cut_out.least_area)
        area, ratio = share * height * width, aspect**power
        sides = math.sqrt(area * ratio), math.sqrt(area / ratio)
        corners = (TAPERED * sides) @ axes_of(turn) + (width / 2, height / 2)
        wide, high = np.ptp(corners, axis=0)
        if wide <= MOST_OF_A_SIDE * width and high <= MOST_OF_A_SIDE * height:
            yield np.asarray(corners, np.float32)


def _stripes(height: int, width: int) -> Image:
    """Coloured diagonal stripes: every swap of channels and every shifted crop shows."""
    rows, columns = np.mgrid[0:height, 0:width]
    phase = (rows * 3 + columns * 5) % 7
    return np.stack([phase * 36, 255 - phase * 20, phase * 9], axis=2).astype(np.uint8)


def _computed(inspector: BundleInspector, files: Mapping[str, bytes], vector: Vector) -> Vector:
    """The vector with everything that the workshop computes from its raw input."""
    if vector.entry.refused:
        _prove_refused(inspector, files, vector)
        return vector
    try:
        tensors = raw_tensors(inspector, files, vector)
    except NoPartError:
        return replace(vector, entry=vector.entry.model_copy(update={"refused": True}))
    rows = [inspector.runtime.invoke([tensor[None]]) for tensor in tensors]
    outputs = [np.concatenate(column) for column in zip(*rows, strict=True)]
    judgement = inspector.judge(outputs)
    entry = vector.entry.model_copy(
        update={
            "tensor_sha256": tensor_hash(tensors),
            "label": judgement.label,
            "verdict": str(judgement.verdict),
            "score": judgement.score,
            "steady": _is_steady(inspector, outputs, str(judgement.verdict)),
        }
    )
    return replace(vector, entry=entry, tensor=np.stack(tensors), outputs=outputs)


def _prove_refused(inspector: BundleInspector, files: Mapping[str, bytes], vector: Vector) -> None:
    try:
        raw_tensors(inspector, files, vector)
    except InputError:
        return
    raise ConversionError(
        f"vector {vector.entry.name} is accepted", cure="report this as a fault of Lineside"
    )


def _is_steady(inspector: BundleInspector, outputs: list[Tensor], verdict: str) -> bool:
    """Whether no output difference that the manifest allows can change the verdict."""
    spec = inspector.spec
    push = np.ones(outputs[0].shape[-1])
    if spec.scoring.kind == "logits":
        push = np.array([1.0 if label in spec.good else -1.0 for label in spec.labels])
    quantum = quantum_of(outputs[0]) * inspector.manifest.parity_quanta
    return all(
        str(inspector.judge([_pushed(outputs[0], sign * quantum * push), *outputs[1:]]).verdict)
        == verdict
        for sign in (1, -1)
    )


def _pushed(output: Tensor, push: Unit) -> Tensor:
    moved = output.astype(np.float64) + push
    if np.issubdtype(output.dtype, np.integer):
        limits = np.iinfo(output.dtype)
        moved = np.clip(np.round(moved), limits.min, limits.max)
    return moved.astype(output.dtype)
