"""Libraries that only some drivers need: an extra of the package each."""

from __future__ import annotations

from dataclasses import dataclass

from edge_agent.contracts.core.errors import DeviceError


@dataclass(frozen=True)
class Library:
    """name: as it is installed; module: as it is imported; extra: of Lineside's wheel.

    debian: the package of Debian and Raspberry Pi OS where pip has none.
    """

    name: str
    module: str
    extra: str = ""
    debian: str = ""

    @property
    def cure(self) -> str:
        """How it is installed."""
        if self.debian:
            return f"sudo apt install {self.debian}; the venv needs --system-site-packages"
        return f"pip install 'lineside[{self.extra}]'"


GPIOD = Library("gpiod", "gpiod", "gpio")
PYSERIAL = Library("pyserial", "serial", "sensors")
SMBUS2 = Library("smbus2", "smbus2", "sensors")
PYAV = Library("PyAV", "av", "video")
ASYNCUA = Library("asyncua", "asyncua", "opcua")
STARLETTE = Library("starlette", "starlette", "web")
UVICORN = Library("uvicorn", "uvicorn", "web")
JINJA2 = Library("jinja2", "jinja2", "web")
ARGON2 = Library("argon2-cffi", "argon2", "web")
PROMETHEUS = Library("prometheus_client", "prometheus_client", "prometheus")
PROTOBUF = Library("protobuf", "google.protobuf", "sparkplug")
OPENTELEMETRY = Library("opentelemetry-sdk", "opentelemetry", "opentelemetry")
GOBJECT = Library("PyGObject", "gi", debian="python3-gi")
PICAMERA2 = Library("picamera2", "picamera2", debian="python3-picamera2")


def missing(library: Library, where: str) -> DeviceError:
    """The error where a driver's library is not installed."""
    return DeviceError(f"{library.name} is not installed", where=where, cure=library.cure)
