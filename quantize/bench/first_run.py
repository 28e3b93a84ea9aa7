"""Whether this machine's runtime takes a model: one run on made inputs."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.contracts.core.errors import BundleError, DeviceError, LinesideError
from edge_agent.infer.runtime_choice import open_runtime
from quantize.bench.worker import made_inputs


@dataclass(frozen=True)
class FirstRun:
    """runtime: name and version, empty where it was not run; refusal: why it does not run."""

    runtime: str = ""
    refusal: str = ""


def first_run(model: bytes) -> FirstRun:
    """Load the bytes of a .tflite file and run them once; a crash ends this process.

    A model for an accelerator that is absent is not run, which is no refusal.
    """
    try:
        runtime = open_runtime(model)
    except DeviceError:
        return FirstRun()
    except BundleError as error:
        return FirstRun(refusal=error.what)
    try:
        runtime.invoke(made_inputs(runtime))
    except (ValueError, RuntimeError, LinesideError) as error:
        lines = str(error).strip().splitlines() or ["no message"]
        return FirstRun(refusal=f"the runtime fails ({lines[0]})")
    finally:
        runtime.close()
    return FirstRun(runtime=f"{runtime.name} {runtime.version}")
