"""Conversions that tests share: TensorFlow starts once for a network, not once for a test."""

from __future__ import annotations

import hashlib
import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

from edge_agent.contracts.run_folder.run import RunFolder
from quantize.convert.conversion_process import Converted, FloatOutputs, convert_in_subprocess
from quantize.convert.variants import Variant
from tests.conftest import Shared

USUAL = (("samples", 200), ("per_tensor_dense", False))
"""What a conversion depends on besides the run and the variant, and its default."""


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
        float_outputs: FloatOutputs | None = None,
        **named: Any,
    ) -> Converted:
        def build(path: Path) -> None:
            path.write_bytes(pickle.dumps(convert_in_subprocess(run, variant, **named)))

        known = hashlib.sha256(run.model_path.read_bytes())
        for array in (run.calibration, run.held_out.inputs):
            known.update(array.tobytes())
        known.update(repr((variant, sorted(named.items()))).encode())
        found = pickle.loads(
            self._shared(f"conversion-{known.hexdigest()[:16]}", build).read_bytes()
        )
        return replace(found, float_outputs=float_outputs) if float_outputs else found
