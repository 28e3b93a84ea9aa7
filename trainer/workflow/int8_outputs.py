"""The held-out samples of a fit as its int8 network judges them.

The quantiser converts and runs the network, in a process of its own: what lies between it and the
trainer are files, here as between `fit` and `convert`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge_agent.contracts.core.errors import ConversionError
from edge_agent.contracts.core.files import write_atomic
from edge_agent.contracts.run_folder import files, write
from edge_agent.contracts.run_folder.files import document_bytes
from edge_agent.contracts.run_folder.metrics import Metric
from trainer.console.progress import Progress
from trainer.evaluation.outcome import Outcome
from trainer.evaluation.predictions import Judged, judge_all
from trainer.workflow.experiment import Experiment

FLOAT, INT8 = "", "int8_"
"""Prefixes of the columns of each network of a fold."""

TIME_S = 1800.0
"""The quantiser's own limit for a conversion is a third of it."""


def judged_by_int8(experiment: Experiment) -> Judged:
    """The samples of `experiment.test` by the int8 network on LiteRT, with the float threshold.

    Raises ConversionError where the network cannot be converted.
    """
    spec, test = experiment.spec, experiment.test
    with tempfile.TemporaryDirectory(prefix="lineside-int8-") as folder:
        outputs = _outputs(experiment, Path(folder))
    held_out = experiment.held_out
    return judge_all(
        outputs, held_out, test.indices, spec.scoring, spec.labels, spec.good, test.needs
    )


def judged_where_converted(experiment: Experiment, progress: Progress) -> Judged | None:
    """The same; None where the network cannot be converted, and the reason is said."""
    try:
        return judged_by_int8(experiment)
    except ConversionError as error:
        progress.say(f"judged in float alone: {error}")
        return None


def verdict_columns(judged: Judged, place: int, by: str = FLOAT) -> dict[str, object]:
    """What a network says of the sample at `place`, as columns of out_of_fold.csv."""
    judgement = judged.judgements[place]
    return {
        f"{by}predicted": judgement.label,
        f"{by}score": judgement.score,
        f"{by}verdict": judgement.verdict.value,
    }


def int8_document(
    pairs: Sequence[tuple[Outcome, Outcome]],
    by_float: Mapping[str, Metric],
    by_int8: Mapping[str, Metric],
) -> dict[str, Any]:
    """The figures of int8, and what is lost to it, as JSON.

    pairs: the same samples by float and by int8; a new escape is a defect that float rejects and
    int8 passes, a new reject is a good sample that float does not reject and int8 does.
    """
    escapes = rejects = changed = 0
    for before, after in pairs:
        passed = ~after.rejected if after.undecided is None else ~after.rejected & ~after.undecided
        escapes += int((before.bad & before.rejected & passed).sum())
        rejects += int((~before.bad & ~before.rejected & after.rejected).sum())
        changed += int((before.rejected != after.rejected).sum())
    shared = [name for name in by_float if name in by_int8]
    return {
        "figures": {name: by_int8[name].as_json() for name in shared},
        "float_minus_int8": {
            name: round(by_float[name].value - by_int8[name].value, 6) for name in shared
        },
        "new_escapes": escapes,
        "new_rejects": rejects,
        "verdicts_changed": changed,
    }


def _outputs(experiment: Experiment, folder: Path) -> NDArray[np.float32]:
    run, out = folder / "run", folder / "outputs.npy"
    run.mkdir()
    experiment.fitted.model.save(run / files.MODEL)
    write_atomic(run / files.SPEC, document_bytes(experiment.spec))
    write.write_calibration(run, experiment.calibration)
    rows = experiment.held_out.rows(experiment.test.indices)
    write.write_held_out(run, experiment.held_out.inputs, rows)
    words = [sys.executable, "-P", "-m", "quantize", "outputs", str(run), "--out", str(out)]
    paths = os.pathsep.join(path for path in sys.path if path)
    try:
        done = subprocess.run(
            words,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIME_S,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": paths},
        )
    except subprocess.TimeoutExpired as error:
        raise ConversionError(
            f"the conversion to int8 takes longer than {TIME_S:g} s",
            where=experiment.architecture.name,
            cure="take a smaller network, or --float-only",
        ) from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise ConversionError(
            f"no int8 network ({lines[-1] if lines else 'no message'})",
            where=experiment.architecture.name,
            cure="lineside-quantize convert says more of a run that fit wrote; or --float-only",
        )
    return np.asarray(np.load(out, allow_pickle=False), np.float32)
