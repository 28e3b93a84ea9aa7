"""A serial line (RS-232, USB) that one driver has for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import PYSERIAL, missing

if TYPE_CHECKING:
    import serial


def open_port(device: str, baud: int, *, cure: str) -> serial.Serial:
    """The line, open for this process alone and without what came before; reads do not wait.

    Raises DeviceError of `device` with that cure where it cannot be opened.
    """
    try:
        import serial
    except ImportError as error:
        raise missing(PYSERIAL, device) from error
    try:
        line = serial.Serial(device, baud, timeout=0, exclusive=True)
        line.reset_input_buffer()
    except (OSError, ValueError) as error:
        raise DeviceError(f"cannot be opened ({error})", where=device, cure=cure) from error
    return line
