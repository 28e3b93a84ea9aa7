"""tflite-runtime 2.14, the older runtime, for old images; it needs numpy 1."""

from __future__ import annotations

from edge_agent.infer.runtime import Interpreted, Runtime, RuntimeDriver


def load(model: bytes, threads: int) -> Runtime:
    """Load `model`; raises BundleError when tflite-runtime refuses it, ImportError without it."""
    from tflite_runtime.interpreter import Interpreter

    return Interpreted("tflite_runtime", "tflite-runtime", Interpreter, model, threads)


DRIVER = RuntimeDriver(
    name="tflite_runtime",
    title="tflite-runtime",
    rank=1,
    packages=("tflite-runtime",),
    extra="tflite",
    open=load,
    notes="For old images with Python 3.11 and numpy 1; the last version is 2.14.",
)
