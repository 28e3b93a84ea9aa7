"""A run folder as the trainer left it, read and checked before anything is converted."""

from __future__ import annotations

import csv
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from edge_agent.contracts.core.arrays import UNREADABLE_ARRAYS
from edge_agent.contracts.core.errors import ConversionError
from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.model.manifest import ModelSpec, Provenance, first_fault

FIT_AGAIN = "train again with lineside-train fit"
Schema = TypeVar("Schema", bound=BaseModel)


class GoldenFile(BaseModel):
    """One known-good or known-bad raw file of the test split, as golden.json lists it."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    file: str
    label: str
    rate_hz: float | None = None
    axes: list[str] | None = None
    rpm: float | None = None


@dataclass(frozen=True)
class Sample:
    """One held-out sample as the float network judged it; `row` is its row of predictions.csv."""

    row: int
    path: str
    label: str
    predicted: str
    score: float
    verdict: str


@dataclass(frozen=True)
class Run:
    """What conversion needs of a run.

    calibration: (N, *input shape), training samples only. heldout: (M, *input shape);
    heldout_row: (M,) the sample each of them belongs to.
    """

    path: Path
    spec: ModelSpec
    provenance: Provenance
    samples: list[Sample]
    calibration: Tensor
    heldout: Tensor
    heldout_row: NDArray[np.int32]
    golden: list[GoldenFile]

    @property
    def model_path(self) -> Path:
        """model.keras."""
        return self.path / "model.keras"

    def text(self, name: str) -> str:
        """The text of a file of the run, empty where the run has none."""
        path = self.path / name
        return path.read_text(encoding="utf-8") if path.is_file() else ""


def read_run(path: Path) -> Run:
    """Raises ConversionError that names the file and the cure."""
    if not path.is_dir():
        raise ConversionError("no such run folder", where=str(path), cure=FIT_AGAIN)
    spec = _parse(ModelSpec, path / "spec.json")
    heldout = _arrays(path / "heldout.npz", ("inputs", "sample"))
    run = Run(
        path=path,
        spec=spec,
        provenance=_parse(Provenance, path / "provenance.json"),
        samples=_read_samples(path / "predictions.csv"),
        calibration=_arrays(path / "calibration.npz", ("inputs",))["inputs"],
        heldout=heldout["inputs"],
        heldout_row=_numbers(heldout["sample"], path / "heldout.npz"),
        golden=_read_golden(path / "golden" / "golden.json"),
    )
    _refuse_empty(run.model_path)
    _refuse_bad_inputs(run)
    _refuse_test_samples(run)
    return run


def _numbers(rows: Tensor, path: Path) -> NDArray[np.int32]:
    if rows.ndim != 1 or not np.issubdtype(rows.dtype, np.integer):
        raise ConversionError("its samples are no numbers", where=str(path), cure=FIT_AGAIN)
    return rows.astype(np.int32)


def _refuse_bad_inputs(run: Run) -> None:
    shape = run.spec.input.shape
    for name, inputs in (("calibration.npz", run.calibration), ("heldout.npz", run.heldout)):
        where = str(run.path / name)
        if not len(inputs):
            raise ConversionError("holds no samples", where=where, cure=FIT_AGAIN)
        if inputs.shape[1:] != shape:
            raise ConversionError(
                f"inputs {inputs.shape[1:]}, spec.json says {shape}", where=where, cure=FIT_AGAIN
            )
        if inputs.dtype != (np.uint8 if run.spec.input.kind == "image" else np.float32):
            raise ConversionError(f"holds {inputs.dtype}", where=where, cure=FIT_AGAIN)
        if inputs.dtype != np.uint8 and not np.isfinite(inputs).all():
            raise ConversionError("holds values that are not numbers", where=where, cure=FIT_AGAIN)
    wrong = len(run.heldout_row) != len(run.heldout)
    if wrong or set(run.heldout_row.tolist()) != {sample.row for sample in run.samples}:
        raise ConversionError(
            "its samples are not those of predictions.csv",
            where=str(run.path / "heldout.npz"),
            cure=FIT_AGAIN,
        )


def _refuse_test_samples(run: Run) -> None:
    """Calibration must not have seen what the gate measures on; equal bytes are the proof, both
    being of one type.
    """
    heldout = {sha256_hex(np.ascontiguousarray(one).tobytes()) for one in run.heldout}
    leaked = sum(
        sha256_hex(np.ascontiguousarray(one).tobytes()) in heldout for one in run.calibration
    )
    if leaked:
        raise ConversionError(
            f"{leaked} of {len(run.calibration)} calibration samples are held-out samples",
            where=str(run.path / "calibration.npz"),
            cure="calibrate from training samples only; look for duplicates in the data set",
        )


def _read_bytes(path: Path) -> bytes:
    if path.exists() and not path.is_file():
        raise ConversionError("is no file", where=str(path), cure=FIT_AGAIN)
    try:
        payload = path.read_bytes()
    except OSError as error:
        raise ConversionError(
            f"cannot be read ({error.strerror})", where=str(path), cure=FIT_AGAIN
        ) from error
    if not payload:
        raise ConversionError("the file is empty", where=str(path), cure=FIT_AGAIN)
    return payload


def _refuse_empty(path: Path) -> None:
    if not path.is_file() or path.stat().st_size == 0:
        _read_bytes(path)


def _parse(schema: type[Schema], path: Path) -> Schema:
    try:
        return schema.model_validate_json(_read_bytes(path))
    except ValidationError as error:
        raise ConversionError(first_fault(error), where=str(path), cure=FIT_AGAIN) from error


def _arrays(path: Path, names: tuple[str, ...]) -> dict[str, Tensor]:
    _refuse_empty(path)
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
            return {name: np.asarray(content[name]) for name in names}
    except UNREADABLE_ARRAYS as error:
        what = f"not a readable .npz with {', '.join(names)}"
        raise ConversionError(what, where=str(path), cure=FIT_AGAIN) from error


def _read_samples(path: Path) -> list[Sample]:
    try:
        rows = list(csv.DictReader(_read_bytes(path).decode("utf-8").splitlines()))
        samples = [
            Sample(
                int(row["sample"]),
                row["path"],
                row["label"],
                row["predicted"],
                float(row["score"]),
                row["verdict"],
            )
            for row in rows
        ]
    except (KeyError, ValueError, TypeError, csv.Error) as error:
        raise ConversionError(
            f"not a table of predictions ({error})", where=str(path), cure=FIT_AGAIN
        ) from error
    if not samples:
        raise ConversionError("holds no samples", where=str(path), cure=FIT_AGAIN)
    if not all(math.isfinite(one.score) for one in samples):
        raise ConversionError("a score is not a number", where=str(path), cure=FIT_AGAIN)
    if len({one.row for one in samples}) < len(samples):
        raise ConversionError("a sample stands there twice", where=str(path), cure=FIT_AGAIN)
    return samples


def _read_golden(path: Path) -> list[GoldenFile]:
    try:
        listed = json.loads(_read_bytes(path))
        files = TypeAdapter(list[GoldenFile]).validate_python(listed)
    except ValidationError as error:
        raise ConversionError(first_fault(error), where=str(path), cure=FIT_AGAIN) from error
    except (ValueError, RecursionError) as error:
        raise ConversionError("not JSON", where=str(path), cure=FIT_AGAIN) from error
    if not files:
        raise ConversionError("lists no samples", where=str(path), cure=FIT_AGAIN)
    return files
