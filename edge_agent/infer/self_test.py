"""The self-test: does this machine compute what the workshop computed?

Each vector is followed link by link, so that the message names the link that broke:
raw input -> prepared tensor (equal hash, or at most one quantum or grey level apart: numpy's sums,
and the resampling of bundles of before, round differently on aarch64; of a standardised picture
what one level becomes) -> outputs (at most parity_quanta apart)
-> score, label and verdict of the stored outputs (equal) -> verdict of the outputs computed here
(equal).
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol, TypeAlias

import numpy as np

from edge_agent.contracts.core.errors import InputError, ParityError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.types import Image, Judgement, Recording, Tensor
from edge_agent.contracts.image.brightness import gain_of
from edge_agent.contracts.image.decode import decode_image
from edge_agent.contracts.image.input import ImageInput
from edge_agent.contracts.model.bundle import Bundle
from edge_agent.contracts.model.manifest import InputSpec, Manifest, ModelSpec
from edge_agent.contracts.process.tables import Table, parse_table
from edge_agent.contracts.vibration.input import VibrationInput
from edge_agent.infer.parity_vectors import Vector, VectorIndex, read_vectors
from edge_agent.infer.runtime import Runtime

RawInput: TypeAlias = Image | Recording | Table
"""What a bundle judges: a frame, a recording, or a table whose last row counts."""

Prepare: TypeAlias = Callable[[object], Tensor]
Decode: TypeAlias = Callable[..., Image]
"""What decode_image is."""

SCORE_TOLERANCE = 1e-5
CURE = "do not arm; compare the versions of OpenCV, numpy and the runtime with the workshop's"

CORES = Path("/sys/devices/system/cpu/possible")
"""Where LiteRT counts the cores; without it XNNPACK is left out, and other kernels round otherwise.
"""
NO_CORES = f"; LiteRT finds no cores here and runs without XNNPACK: let this program read {CORES}"


class Inspecting(Protocol):
    """A loaded bundle as its self-test uses it."""

    manifest: Manifest
    spec: ModelSpec
    runtime: Runtime

    def tensor(self, prepared: Tensor) -> Tensor:
        """What the network takes for one prepared input."""

    def judge(self, raw: list[Tensor]) -> Judgement:
        """The judgement of the outputs of all windows of one input."""


@dataclass(frozen=True)
class ParityReport:
    """n vectors held; worst_quanta: the largest output difference met."""

    n: int
    worst_quanta: int
    seconds: float


def verify_parity(
    inspector: Inspecting,
    bundle: Bundle,
    *,
    prepare: Prepare | None = None,
    decode: Decode = decode_image,
) -> ParityReport:
    """Check the bundle's vectors in a loaded inspector; raises ParityError at the first fault.

    prepare, decode: the preparation and the image decoder that are tested, by default this
    machine's own.
    """
    started = time.perf_counter()
    index, vectors = read_vectors(bundle)
    _check_words(inspector, index)
    worst = 0
    for vector in vectors:
        worst = max(worst, _check_vector(inspector, bundle.files, vector, prepare, decode))
    return ParityReport(len(vectors), worst, time.perf_counter() - started)


def raw_tensors(
    inspector: Inspecting,
    files: Mapping[str, bytes],
    vector: Vector,
    prepare: Prepare | None = None,
    decode: Decode = decode_image,
) -> list[Tensor]:
    """The raw input of `vector` -> what the network takes, one tensor for each window.

    `files` are the bundle's, where a vector's raw input may lie.
    """
    spec = inspector.spec.input
    raw = raw_input(spec, files, vector, decode)
    return [inspector.tensor(one) for one in (prepare or spec.prepare)(raw)]


def raw_input(
    spec: InputSpec, files: Mapping[str, bytes], vector: Vector, decode: Decode = decode_image
) -> RawInput:
    """The frame, recording or table that `vector` holds; raises ParityError where it has none."""
    entry, where = vector.entry, f"vector {vector.entry.name}"
    if isinstance(spec, ImageInput) and spec.bit_depth is not None:
        decode = partial(decode, bit_depth=spec.bit_depth)
    if entry.kind == "file":
        if entry.file not in files:
            raise _broken(vector, f"needs {entry.file}, which is not in the bundle")
        return decode(files[entry.file], entry.file)
    if vector.raw is None:
        raise _broken(vector, "has no raw input")
    if entry.kind == "encoded":
        return decode(vector.raw.tobytes(), where)
    if entry.kind == "rows":
        return parse_table(vector.raw.tobytes().decode(errors="replace"), where)
    if entry.kind == "signal" and isinstance(spec, VibrationInput):
        return Recording(vector.raw, entry.rate_hz, tuple(spec.axes), spec.unit, where, entry.rpm)
    return vector.raw


def quantum_of(tensor: Tensor) -> float:
    """What counts as one quantum: a step of 8-bit integers, and as large a part of the range of
    int16 or of the largest float. Steps finer than int8's only tell one processor from another.
    """
    if np.issubdtype(tensor.dtype, np.integer):
        return float(max(1, 2 ** (8 * tensor.dtype.itemsize - 8)))
    return max(1.0, float(np.abs(tensor).max())) / 256


def tensor_hash(tensors: list[Tensor]) -> str:
    """sha256 over dtype, shape and bytes of the tensors that the network takes."""
    stacked = np.ascontiguousarray(np.stack(tensors))
    head = f"{stacked.dtype.name} {stacked.shape} ".encode()
    return sha256_hex(head + stacked.tobytes())


def _check_words(inspector: Inspecting, index: VectorIndex) -> None:
    spec = inspector.spec
    for what, said, found in (
        ("labels", index.labels, spec.labels),
        ("good labels", index.good, spec.good),
        ("threshold", index.threshold, spec.scoring.threshold),
    ):
        if said != found:
            raise ParityError(
                f"{what} {found}, the workshop verified {said}", where="manifest.json", cure=CURE
            )


def _check_vector(
    inspector: Inspecting,
    files: Mapping[str, bytes],
    vector: Vector,
    prepare: Prepare | None,
    decode: Decode,
) -> int:
    """The worst output difference in quanta."""
    try:
        tensors = raw_tensors(inspector, files, vector, prepare, decode)
    except InputError as error:
        if vector.entry.refused:
            return 0
        raise _broken(vector, f"was refused ({error.what})") from error
    if vector.entry.refused:
        raise _broken(vector, "is not judgeable, and was not refused")
    spec = inspector.spec.input
    _check_tensor(vector, tensors, spec, partial(raw_input, spec, files, vector, decode))
    _check_meaning(inspector, vector)
    rows = [inspector.runtime.invoke([tensor[None]]) for tensor in tensors]
    outputs = [np.concatenate(column) for column in zip(*rows, strict=True)]
    worst = _check_outputs(inspector, vector, outputs)
    verdict = inspector.judge(outputs).verdict
    if vector.entry.steady and verdict != vector.entry.verdict:
        raise _broken(vector, f"is {verdict} here, {vector.entry.verdict} in the workshop")
    return worst


def _check_tensor(
    vector: Vector, tensors: list[Tensor], spec: InputSpec, raw: Callable[[], RawInput]
) -> None:
    """raw: gives what the tensors were prepared from."""
    if tensor_hash(tensors) == vector.entry.tensor_sha256:
        return
    if vector.tensor is None:
        raise _broken(vector, "is prepared to other pixels here than in the workshop")
    found = np.stack(tensors)
    if found.shape != vector.tensor.shape or found.dtype != vector.tensor.dtype:
        raise _broken(
            vector, f"becomes {found.dtype} {found.shape} here, not {vector.tensor.shape}"
        )
    pixels = isinstance(spec, ImageInput)
    grey_level = 1.0 if pixels and found.dtype == np.float32 else None
    apart = _quanta(found, vector.tensor, grey_level)
    if apart <= 1:
        return
    if not isinstance(spec, ImageInput):
        raise _broken(vector, f"is prepared {apart} quanta apart from the workshop's tensor")
    if apart > _of_one_level(spec, raw()):
        raise _broken(
            vector, f"is prepared to other pixels here than in the workshop, {apart} levels apart"
        )


def _of_one_level(spec: ImageInput, raw: RawInput) -> int:
    """Levels that one level of a prepared picture becomes at most where its contrast is raised; one
    more for a mean that moved.
    """
    if not spec.standardise:
        return 1
    plain = spec.model_copy(update={"standardise": False})
    gain = max(gain_of(tile, spec.most_clipped) for tile in plain.prepare(raw))
    return math.ceil(gain) + 1 if gain > 1 else 1


def _check_meaning(inspector: Inspecting, vector: Vector) -> None:
    """The stored outputs must mean here what they meant in the workshop."""
    entry = vector.entry
    here = inspector.judge(vector.outputs)
    if abs(here.score - entry.score) > SCORE_TOLERANCE * max(1.0, abs(entry.score)):
        raise _broken(vector, f"scores {here.score:.6g} here, {entry.score:.6g} in the workshop")
    if (here.label, str(here.verdict)) != (entry.label, entry.verdict):
        raise _broken(
            vector,
            f"means {here.label} {here.verdict} here, "
            f"{entry.label} {entry.verdict} in the workshop",
        )


def _check_outputs(inspector: Inspecting, vector: Vector, outputs: list[Tensor]) -> int:
    allowed = inspector.manifest.parity_quanta
    worst = 0
    for place, (found, said) in enumerate(zip(outputs, vector.outputs, strict=True)):
        if found.shape != said.shape or found.dtype != said.dtype:
            raise _broken(vector, f"output {place} is {found.dtype} {found.shape}")
        worst = max(worst, _quanta(found, said))
    if worst > allowed:
        blind = inspector.runtime.name == "litert" and not os.access(CORES, os.R_OK)
        cure = CURE + NO_CORES * blind
        raise _broken(vector, f"gives outputs {worst} quanta apart, {allowed} are allowed", cure)
    return worst


def _quanta(found: Tensor, said: Tensor, quantum: float | None = None) -> int:
    """The largest difference, in quanta of `said`."""
    apart = float(np.abs(found.astype(np.float64) - said.astype(np.float64)).max())
    return int(np.ceil(apart / (quantum or quantum_of(said))))


def _broken(vector: Vector, what: str, cure: str = CURE) -> ParityError:
    return ParityError(f"{vector.entry.name} {what}", where="parity vector", cure=cure)
