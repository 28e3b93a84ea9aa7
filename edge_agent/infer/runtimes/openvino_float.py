"""OpenVINO with float arithmetic between the quantised tensors of an int8 network.

Every tensor is still rounded to its scale and zero point, so outputs lie as near to LiteRT's as
those of LiteRT's own reference kernels do. No sum saturates. Weights take four times the memory.
"""

from __future__ import annotations

from edge_agent.infer.runtime import Runtime, RuntimeDriver
from edge_agent.infer.runtimes.openvino import EXTRA, PACKAGE, OpenVino

NO_INTEGERS = {"LP_TRANSFORMS_MODE": False}
"""Without OpenVINO's low-precision transformations, which turn rounded floats into integers."""


def load(model: bytes, threads: int) -> Runtime:
    """Load `model`; raises BundleError when OpenVINO refuses it, ImportError without OpenVINO."""
    return OpenVino("openvino_float", model, threads, NO_INTEGERS)


DRIVER = RuntimeDriver(
    name="openvino_float",
    title="OpenVINO in float",
    rank=3,
    packages=(PACKAGE,),
    extra=EXTRA,
    open=load,
    notes="The same with float arithmetic; for processors without VNNI.",
)
