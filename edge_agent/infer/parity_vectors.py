"""vectors.npz: raw inputs with what the workshop computed from them.

One member `index` holds JSON (uint8 bytes), the others arrays named `<vector>.<what>`:
raw (uint8 (H, W, 3) image, uint8 (B,) encoded image or CSV, or float32 (T, C) signal), tensor
(what the network takes), out0, out1, ... (outputs as the runtime gave them,
(N, ...)).
"""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from pydantic import Field

from edge_agent.contracts.core.arrays import UNREADABLE_ARRAYS
from edge_agent.contracts.core.errors import BundleError
from edge_agent.contracts.core.strict import Strict
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.bundle import VECTORS, Bundle
from edge_agent.contracts.model.manifest import Sha256, parse_json

MOST_BYTES = 1 << 28
"""Unpacked; a bundle's vectors have some megabytes, and a bomb of zeros is refused at once."""


class VectorEntry(Strict):
    """One vector without its arrays.

    kind: where the raw input lies: a file of the bundle, an encoded image, pixels, a signal,
    or rows of tags as the bytes of a CSV.
    refused: the raw input must raise InputError; nothing else is then stated.
    steady: the verdict holds under any output difference that parity_quanta allows.
    """

    name: str = Field(pattern=r"^[a-z0-9-]+$")
    kind: Literal["file", "encoded", "pixels", "signal", "rows"]
    file: str = ""
    rate_hz: float = 0.0
    rpm: float | None = None
    refused: bool = False
    tensor_sha256: Sha256 | None = None
    label: str = ""
    verdict: str = ""
    score: float = 0.0
    steady: bool = True


class VectorIndex(Strict):
    """All vectors, with the words and the threshold they were computed under."""

    labels: list[str]
    good: list[str]
    threshold: float
    vectors: list[VectorEntry] = Field(min_length=1)


@dataclass(frozen=True)
class Vector:
    """One vector with its arrays; `raw` is None where the bundle's file is the raw input."""

    entry: VectorEntry
    raw: Tensor | None = None
    tensor: Tensor | None = None
    outputs: list[Tensor] = field(default_factory=list)


def pack_vectors(index: VectorIndex, vectors: list[Vector]) -> bytes:
    """The bytes of vectors.npz."""
    arrays = {"index": np.frombuffer(index.model_dump_json().encode(), np.uint8)}
    for vector in vectors:
        name = vector.entry.name
        for what, array in (("raw", vector.raw), ("tensor", vector.tensor)):
            if array is not None:
                arrays[f"{name}.{what}"] = array
        for place, output in enumerate(vector.outputs):
            arrays[f"{name}.out{place}"] = output
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **arrays)
    return buffer.getvalue()


def read_vectors(bundle: Bundle) -> tuple[VectorIndex, list[Vector]]:
    """Raises BundleError when vectors.npz cannot be read."""
    where = f"{bundle.source}: {VECTORS}" if bundle.source else VECTORS
    try:
        payload = io.BytesIO(bundle.files[VECTORS])
        with zipfile.ZipFile(payload) as listed:
            size = sum(member.file_size for member in listed.infolist())
        if size > MOST_BYTES:
            raise ValueError(f"unpacked it has {size >> 20} MiB, at most {MOST_BYTES >> 20}")
        with np.load(payload, allow_pickle=False) as content:
            arrays = {name: np.asarray(content[name]) for name in content.files}
        text = arrays["index"].tobytes()
    except UNREADABLE_ARRAYS as error:
        raise BundleError(
            f"cannot be read ({error})", where=where, cure="convert the run again"
        ) from error
    index = parse_json(VectorIndex, text, where)
    outputs = len(bundle.manifest.outputs)
    return index, [_vector(entry, arrays, outputs, where) for entry in index.vectors]


def _vector(entry: VectorEntry, arrays: dict[str, Tensor], count: int, where: str) -> Vector:
    name = entry.name
    names = [] if entry.refused else [f"{name}.out{place}" for place in range(count)]
    outputs = [arrays[one] for one in names if one in arrays]
    if len(outputs) < len(names) or any(one.ndim < 1 for one in outputs):
        raise BundleError(f"{name} has no whole outputs", where=where, cure="convert the run again")
    return Vector(entry, arrays.get(f"{name}.raw"), arrays.get(f"{name}.tensor"), outputs)
