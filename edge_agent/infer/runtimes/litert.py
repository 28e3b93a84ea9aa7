"""LiteRT, the default runtime: int8 on the CPU through XNNPACK."""

from __future__ import annotations

from edge_agent.infer.runtime import Interpreted, Runtime, RuntimeDriver


def load(model: bytes, threads: int) -> Runtime:
    """Load `model`; raises BundleError when LiteRT refuses it, ImportError without LiteRT."""
    from ai_edge_litert.interpreter import Interpreter

    return Interpreted("litert", "ai-edge-litert", Interpreter, model, threads)


DRIVER = RuntimeDriver(
    name="litert",
    title="LiteRT",
    rank=0,
    packages=("ai-edge-litert",),
    extra="device",
    open=load,
    notes="The default: int8 on the CPU through XNNPACK, for 64-bit systems.",
)
