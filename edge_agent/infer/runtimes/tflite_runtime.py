"""tflite-runtime 2.14, the older runtime, for old images; it needs numpy 1."""

from __future__ import annotations

from importlib.metadata import version

from tflite_runtime.interpreter import Interpreter

from edge_agent.infer.runtime import Interpreted, Runtime


def load(model: bytes, threads: int) -> Runtime:
    """Load `model`; raises BundleError when tflite-runtime refuses it."""
    return Interpreted("tflite_runtime", version("tflite-runtime"), Interpreter, model, threads)
