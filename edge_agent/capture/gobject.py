"""Libraries that Python reaches through GObject introspection (PyGObject); no wheel brings them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from edge_agent.contracts.core.errors import DeviceError


def glib_error(where: str) -> type[Exception]:
    """What every call into such a library raises."""
    error: type[Exception] = import_namespace("GLib", "2.0", "", where).Error
    return error


def import_namespace(name: str, version: str, package: str, where: str) -> Any:
    """A namespace such as `Gst` 1.0; raises DeviceError that names the Debian package."""
    try:
        gi = import_module("gi")
        gi.require_version(name, version)
        return import_module(f"gi.repository.{name}")
    except (ImportError, ValueError) as error:
        raise DeviceError(
            f"{name} {version} is not there ({error})",
            where=where,
            cure=f"apt install python3-gi {package}, and make the environment from Debian's "
            "python3 with --system-site-packages",
        ) from error
