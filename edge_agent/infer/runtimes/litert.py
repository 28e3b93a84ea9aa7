"""LiteRT, the default runtime: int8 on the CPU through XNNPACK."""

from __future__ import annotations

from importlib.metadata import version

from ai_edge_litert.interpreter import Interpreter

from edge_agent.infer.runtime import Interpreted, Runtime


def load(model: bytes, threads: int) -> Runtime:
    """Load `model`; raises BundleError when LiteRT refuses it."""
    return Interpreted("litert", version("ai-edge-litert"), Interpreter, model, threads)
