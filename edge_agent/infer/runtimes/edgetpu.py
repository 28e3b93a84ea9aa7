"""Edge TPU: a compiled model in LiteRT, through the delegate libedgetpu.so.1.

A delegate that was built for an older TensorFlow Lite than the runtime's takes the whole process
down, and a stuck accelerator never answers: so the model is loaded and run once in a process of its
own first (`python -m edge_agent.infer.runtimes.edgetpu LIBRARY MODEL`). Only while no other model
of this process is on the accelerator: one process has it at a time, and on USB a second one that
opens it ends the first (github.com/google-coral/edgetpu, issues 359 and 645).
"""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any
from weakref import WeakSet

import numpy as np

from edge_agent.contracts.core.errors import BundleError, DeviceError, LinesideError
from edge_agent.contracts.core.types import Tensor
from edge_agent.infer.runtime import DTYPES, Interpreted, Runtime, RuntimeDriver

MODEL_FILE = "model_edgetpu.tflite"
"""The file of a bundle that edgetpu_compiler made of its CPU model."""

LIBRARY = "libedgetpu.so.1"
LIBRARY_VARIABLE = "LINESIDE_EDGETPU_LIBRARY"
"""Environment variable: the path of another build of the library."""

OPERATOR = b"edgetpu-custom-op"
"""The custom operator in every model that edgetpu_compiler wrote."""

PROBE_S = 60.0
"""The first run sends the firmware over USB; on slow hosts that takes seconds."""

INSTALL = "install a libedgetpu that was built for this runtime, or use the CPU model"
PLUG_IN = "check cable, power and permissions (lsusb shows 1a6e:089a or 18d1:9302), or use the CPU"


class Accelerated(Interpreted):
    """A model on the accelerator; raises DeviceError when that stops answering."""

    def invoke(self, tensors: list[Tensor]) -> list[Tensor]:
        try:
            return self._run(tensors)
        except RuntimeError as error:
            raise DeviceError(
                f"a run fails ({_first_line(str(error))})", where="Edge TPU", cure=PLUG_IN
            ) from error

    def close(self) -> None:
        ACCELERATOR.models.discard(self)
        super().close()


class Accelerator:
    """The Edge TPU of this process; models: those of this process that are on it."""

    def __init__(self) -> None:
        self.models: WeakSet[Accelerated] = WeakSet()

    def load(self, model: bytes, threads: int) -> Runtime:
        """Load a model that edgetpu_compiler wrote.

        Raises DeviceError where library or accelerator are absent, hang or crash, BundleError
        where the runtime refuses the model, ImportError without a TFLite runtime.
        """
        library = os.environ.get(LIBRARY_VARIABLE, LIBRARY)
        _refuse_absent(library)
        if not self.models:
            _probe(library, model)
        runtime = load_here(library, model, threads)
        self.models.add(runtime)
        return runtime


ACCELERATOR = Accelerator()


def load_here(library: str, model: bytes, threads: int) -> Accelerated:
    """As `load`, unguarded: a crash of the delegate ends this process."""
    interpreter, load_delegate, package = _runtime()
    try:
        delegate = load_delegate(library)
    except (ValueError, RuntimeError) as error:
        raise DeviceError(
            f"no Edge TPU answers ({_last_line(str(error))})", where=library, cure=PLUG_IN
        ) from error
    make = partial(interpreter, experimental_delegates=[delegate])
    return Accelerated("edgetpu", package, make, model, threads)


def main(library: str, path: str) -> int:
    """The probe: load, run once on zeros; 0, or an error's exit code with its words on stderr."""
    try:
        runtime = load_here(library, Path(path).read_bytes(), 1)
        runtime.invoke([np.zeros(one.shape, DTYPES[one.dtype]) for one in runtime.inputs])
        runtime.close()
    except LinesideError as error:
        sys.stderr.write(f"{error.what}\n")
        return error.exit_code
    return 0


def _runtime() -> tuple[Any, Any, str]:
    """Interpreter, load_delegate and package of the runtime that is installed."""
    try:
        from ai_edge_litert.interpreter import Interpreter, load_delegate
    except ImportError:  # old images: the same interface
        from tflite_runtime.interpreter import Interpreter, load_delegate

        return Interpreter, load_delegate, "tflite-runtime"
    return Interpreter, load_delegate, "ai-edge-litert"


def _refuse_absent(library: str) -> None:
    try:
        ctypes.CDLL(library)
    except OSError as error:
        raise DeviceError(
            f"cannot be loaded ({_first_line(str(error))})", where=library, cure=INSTALL
        ) from error


def _probe(library: str, model: bytes) -> None:
    with tempfile.NamedTemporaryFile(suffix=".tflite") as file:
        file.write(model)
        file.flush()
        command = [
            sys.executable,
            "-P",
            "-m",
            "edge_agent.infer.runtimes.edgetpu",
            library,
            file.name,
        ]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=PROBE_S, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise DeviceError(
                f"does not answer within {PROBE_S:g} s", where="Edge TPU", cure=PLUG_IN
            ) from error
    if done.returncode < 0:
        name = signal.Signals(-done.returncode).name
        raise DeviceError(f"crashes in this runtime ({name})", where=library, cure=INSTALL)
    if done.returncode == DeviceError.exit_code:
        raise DeviceError(_last_line(done.stderr), where="Edge TPU", cure=PLUG_IN)
    if done.returncode > 0:
        raise BundleError(_last_line(done.stderr), where=MODEL_FILE, cure="convert it again")


def _first_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0] if lines else "no message"


def _last_line(text: str) -> str:
    return _first_line("\n".join(reversed(text.splitlines())))


DRIVER = RuntimeDriver(
    name="edgetpu",
    title="Edge TPU",
    rank=9,
    packages=("ai-edge-litert", "tflite-runtime"),
    extra="device",
    open=ACCELERATOR.load,
    model_file=MODEL_FILE,
    custom_operator=OPERATOR,
    convert_cure="convert it for a coral-* target where edgetpu_compiler is installed",
    notes=f"The compiled model through {LIBRARY}; {LIBRARY_VARIABLE} names another build.",
)

if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
