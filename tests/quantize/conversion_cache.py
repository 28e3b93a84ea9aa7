"""Conversions that tests share, made in this process: TensorFlow starts once, not once for each."""

from __future__ import annotations

import hashlib
import pickle
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_agent.contracts.run_folder.run import RunFolder
from quantize.convert import converter
from quantize.convert.conversion_process import (
    Converted,
    FloatOutputs,
    _float_outputs,
    _job,
    _stage,
    _write_job,
    convert_in_subprocess,
)
from quantize.convert.variants import Variant
from tests.conftest import Shared

SECONDS, PEAK_MB = 1.0, 500
"""The cost that is told of a conversion made here."""


class ConversionCache:
    """A converter that converts what it is given for the first time in a session of tests.

    For tests of what is done with a conversion; those of the conversion itself do without.
    """

    def __init__(self, shared: Shared) -> None:
        self._shared = shared

    def __call__(
        self,
        run: RunFolder,
        variant: Variant = "int8",
        *,
        per_tensor_dense: bool = False,
        samples: int = 200,
        float_outputs: FloatOutputs | None = None,
        **limits: Any,
    ) -> Converted:
        """As convert_in_subprocess. limits: of memory and time; they change no network."""

        def build(path: Path) -> None:
            converted = _converted_here(run, variant, samples, per_tensor_dense=per_tensor_dense)
            if converted is None:
                named = {"per_tensor_dense": per_tensor_dense, "samples": samples, **limits}
                converted = convert_in_subprocess(run, variant, **named)
            path.write_bytes(pickle.dumps(converted))

        known = hashlib.sha256(run.model_path.read_bytes())
        for array in (run.calibration, run.held_out.inputs):
            known.update(array.tobytes())
        known.update(repr((variant, samples, per_tensor_dense)).encode())
        found = pickle.loads(
            self._shared(f"conversion-{known.hexdigest()[:16]}", build).read_bytes()
        )
        return replace(found, float_outputs=float_outputs) if float_outputs else found


def _converted_here(
    run: RunFolder, variant: Variant, samples: int, *, per_tensor_dense: bool
) -> Converted | None:
    """What the child would do; None where it refuses, for the child says why."""
    with tempfile.TemporaryDirectory() as name, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # nobody reads those of the child either
        folder = Path(name)
        job = _job(run, variant, folder, per_tensor_dense=per_tensor_dense)
        _write_job(run, job, samples, folder)
        if converter.main(str(folder / "job.json")) != 0:
            return None
        model, notes = Path(job.out).read_bytes(), _stage(folder).get("notes", [])
        return Converted(model, _float_outputs(folder), variant, SECONDS, PEAK_MB, notes)
