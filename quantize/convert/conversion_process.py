"""A conversion in a process of its own, with a limit on memory and on time.

The converter is native code that can crash the interpreter (it does on recurrent loops), so the
caller only ever sees a ConversionError. It runs `python -P -m quantize.convert.converter JOB`: a
file of the working folder that is called like a module of Python's must not be taken for it.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import zipfile
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

from edge_agent.contracts.core.errors import ConversionError
from edge_agent.contracts.core.types import Tensor
from edge_agent.contracts.run_folder.files import damaged
from edge_agent.contracts.run_folder.network import NetworkFolder
from quantize.convert.variants import Variant

MEMORY_MB = 3072
TIME_S = 600.0
POLL_S = 0.1

MORE_SPACE = "free some space there, or set TMPDIR to another folder"

FLOAT_OUTPUT_FILES = ("float.npy", "calibration.npy")
"""What the child leaves of FloatOutputs, in its order."""


@dataclass(frozen=True)
class FloatOutputs:
    """The float network's first output on the held-out inputs (N, K), and on the samples of the
    calibration (M, K).
    """

    heldout: Tensor
    calibration: Tensor


NOT_NEEDED = FloatOutputs(np.empty((0, 0), np.float32), np.empty((0, 0), np.float32))
"""Where nobody asks what the float network gives."""


@dataclass(frozen=True)
class Job:
    """What the child does. `calibration` names an .npz with `inputs` (N, *shape); run_float:
    whether the float network is run, too.
    """

    model: str
    calibration: str
    heldout: str
    out: str
    variant: Variant
    image: bool
    per_tensor_dense: bool = False
    run_float: bool = True


@dataclass(frozen=True)
class Converted:
    """The model, the outputs of the float network, and the cost."""

    model: bytes
    float_outputs: FloatOutputs
    variant: Variant
    seconds: float
    peak_mb: int
    notes: list[str] = field(default_factory=list)


def convert_in_subprocess(
    run: NetworkFolder,
    variant: Variant = "int8",
    *,
    per_tensor_dense: bool = False,
    samples: int = 200,
    memory_mb: int = MEMORY_MB,
    time_s: float = TIME_S,
    float_outputs: FloatOutputs | None = None,
) -> Converted:
    """Convert the run's network; raises ConversionError that names the layer and the cure, and
    RunError for a file that is no Keras network.

    float_outputs: outputs of the float network if an earlier conversion computed them, or
    NOT_NEEDED; else None.
    """
    if not zipfile.is_zipfile(run.model_path):
        # The child would say so after the seconds in which TensorFlow starts.
        raise damaged(run.model_path, "cannot be loaded (no Keras archive)")
    with tempfile.TemporaryDirectory(prefix="lineside-convert-") as folder:
        job = _job(run, variant, Path(folder), per_tensor_dense=per_tensor_dense)
        job = replace(job, run_float=float_outputs is None)
        _write_job(run, job, samples, Path(folder))
        started = time.monotonic()
        peak_mb = _run_child(job, Path(folder), memory_mb, time_s)
        seconds = time.monotonic() - started
        stage = _stage(Path(folder))
        outputs = float_outputs or _float_outputs(Path(folder))
        model = Path(job.out).read_bytes()
        return Converted(model, outputs, variant, seconds, peak_mb, stage.get("notes", []))


def spread(inputs: Tensor, count: int) -> Tensor:
    """`count` of the inputs, evenly spread over their order, so that all classes stay covered."""
    if len(inputs) <= count:
        return inputs
    return np.asarray(inputs[np.linspace(0, len(inputs) - 1, count).round().astype(int)])


def _float_outputs(folder: Path) -> FloatOutputs:
    return FloatOutputs(
        *[np.load(folder / name, allow_pickle=False) for name in FLOAT_OUTPUT_FILES]
    )


def _job(run: NetworkFolder, variant: Variant, folder: Path, *, per_tensor_dense: bool) -> Job:
    return Job(
        model=str(run.model_path.resolve()),
        calibration=str(folder / "calibration.npz"),
        heldout=str((run.path / "heldout.npz").resolve()),
        out=str(folder / "model.tflite"),
        variant=variant,
        image=run.spec.input.kind == "image",
        per_tensor_dense=per_tensor_dense,
    )


def _write_job(run: NetworkFolder, job: Job, samples: int, folder: Path) -> None:
    try:
        np.savez(job.calibration, inputs=spread(run.calibration, samples))
        (folder / "job.json").write_text(json.dumps(asdict(job)), encoding="utf-8")
    except OSError as error:
        raise ConversionError(
            f"the calibration cannot be written ({error.strerror})",
            where=str(folder),
            cure=MORE_SPACE,
        ) from error


def _run_child(job: Job, folder: Path, memory_mb: int, time_s: float) -> int:
    """Peak resident memory in MB."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    environment["TMPDIR"] = str(folder)
    environment["PYTHONPATH"] = os.pathsep.join(path for path in sys.path if path)
    with (folder / "log").open("wb") as log:
        child = subprocess.Popen(
            [sys.executable, "-P", "-m", "quantize.convert.converter", str(folder / "job.json")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=environment,
            start_new_session=True,
        )
        try:
            peak_mb = _watch(child, job, memory_mb, time_s)
        finally:
            if child.poll() is None:
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
    if child.returncode != 0:
        raise _failure(job, folder, child.returncode)
    return peak_mb


def _watch(child: subprocess.Popen[bytes], job: Job, memory_mb: int, time_s: float) -> int:
    deadline = time.monotonic() + time_s
    peak_mb = 0
    while child.poll() is None:
        peak_mb = max(peak_mb, _resident_mb(child.pid))
        if peak_mb > memory_mb:
            raise ConversionError(
                f"the conversion needs more than {memory_mb} MB",
                where=job.model,
                cure="use a smaller network or fewer --calibration samples, or raise --memory-mb",
            )
        if time.monotonic() > deadline:
            raise ConversionError(
                f"the conversion takes longer than {time_s:g} s",
                where=job.model,
                cure="use a smaller network or fewer --calibration samples, or raise --time-s",
            )
        time.sleep(POLL_S)
    return peak_mb


def _resident_mb(pid: int) -> int:
    """VmHWM of the process, 0 where the system does not tell (proc(5))."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) // 1024 if lines else 0


def _stage(folder: Path) -> dict[str, list[str]]:
    """What the child noted; nothing where it could not note it whole."""
    try:
        noted: dict[str, list[str]] = json.loads((folder / "stage.json").read_bytes())
    except (OSError, ValueError):
        return {}
    return noted


def _failure(job: Job, folder: Path, code: int) -> ConversionError:
    stage = _stage(folder)
    where = job.model
    if "error" in stage:
        what, cure = stage["error"]
        return ConversionError(what, where=where, cure=cure)
    suspects = stage.get("suspects", [])
    last = [line for line in _log(folder) if line.strip()][-1:] or ["no message"]
    fault = f"crashed with {signal.Signals(-code).name}" if code < 0 else f"failed ({last[0]})"
    named = f" at or near layer {', '.join(suspects)}" if suspects else ""
    return ConversionError(
        f"the converter {fault}{named}",
        where=where,
        cure="replace that layer: no loops, fixed shapes, built-in operators only",
    )


def _log(folder: Path) -> list[str]:
    return (folder / "log").read_text(encoding="utf-8", errors="replace").splitlines()
