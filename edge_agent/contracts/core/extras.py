"""Libraries that only some drivers need: an extra of the package each."""

from __future__ import annotations

from edge_agent.contracts.core.errors import DeviceError


def missing_extra(library: str, extra: str, where: str) -> DeviceError:
    """The error where a driver's library is not installed."""
    return DeviceError(
        f"{library} is not installed", where=where, cure=f"pip install 'lineside[{extra}]'"
    )
