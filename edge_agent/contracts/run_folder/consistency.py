"""What must hold between the files of a run before a model is converted and measured by them."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np

from edge_agent.contracts.core.files import sha256_hex
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.run_folder import files
from edge_agent.contracts.run_folder.files import damaged
from edge_agent.contracts.run_folder.run import RunFolder, open_run


def open_consistent_run(path: Path) -> RunFolder:
    """Open a run that can be converted; raises RunError as refuse_inconsistent does."""
    run = open_run(path)
    refuse_inconsistent(run)
    return run


def refuse_inconsistent(run: RunFolder) -> None:
    """Raise RunError for empty or non-finite inputs, and for files that do not belong together."""
    calibration, held_out = run.calibration, run.held_out
    refuse_bad_values(run, files.CALIBRATION, calibration)
    refuse_bad_values(run, files.HELD_OUT, held_out.inputs)
    table = run.path / files.PREDICTIONS
    if not run.predictions:
        raise damaged(table, "holds no samples")
    if not all(math.isfinite(one.score) for one in run.predictions):
        raise damaged(table, "a score is no finite number")
    if set(held_out.row.tolist()) != {one.row for one in run.predictions}:
        raise damaged(run.path / files.HELD_OUT, f"its samples are not those of {table.name}")
    if not run.model_path.is_file() or not run.model_path.stat().st_size:
        files.read_bytes(run.model_path)
    refuse_leaked_calibration(run, calibration, held_out.inputs)


def refuse_bad_values(run: RunFolder, name: str, inputs: Tensor) -> None:
    """Raise RunError for no inputs at all, and for NaN and infinity among them."""
    if not len(inputs):
        raise damaged(run.path / name, "holds no samples")
    if inputs.dtype != np.uint8 and not np.isfinite(inputs).all():
        raise damaged(run.path / name, "holds values that are no finite numbers")


def refuse_leaked_calibration(run: RunFolder, calibration: Tensor, held_out: Tensor) -> None:
    """Raise RunError where a held-out input is in the calibration set too.

    The gate measures on the held-out samples, so calibration must not have seen them. Equal bytes
    are the proof, both arrays having one type.
    """
    known = {sha256_hex(np.ascontiguousarray(one).tobytes()) for one in held_out}
    hashes = [sha256_hex(np.ascontiguousarray(one).tobytes()) for one in calibration]
    leaked = sum(one in known for one in hashes)
    if leaked:
        raise damaged(
            run.path / files.CALIBRATION,
            f"{leaked} of {len(calibration)} calibration samples are held-out samples",
            "calibrate from training samples only; look for duplicates in the data set",
        )
