"""The way from the controller to a station: by ssh, or over a broker."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.model.manifest import Manifest


class UnreachedError(DeviceError):
    """A station that was out of reach before anything was sent to it: it has what it had."""


@dataclass(frozen=True)
class Release:
    """What is rolled out: the bundle file's name and bytes, and its manifest."""

    file: str
    payload: bytes
    manifest: Manifest
    manifest_sha256: str

    @property
    def name(self) -> str:
        """Of the bundle."""
        return self.manifest.spec.name

    @property
    def version(self) -> str:
        """Of the bundle."""
        return self.manifest.version


class Transport(Protocol):
    """Acts on the stations of an inventory; from several threads, and again after a death."""

    @property
    def at_once(self) -> int:
        """Stations that may be at work at the same time."""

    def open(self) -> None:
        """Raises a LinesideError where no station can be reached at all."""

    def update(self, name: str) -> str:
        """Bring the release onto a station; why it did not stay there, or nothing.

        Raises DeviceError for one out of reach, UnreachedError where nothing was sent to it.
        """

    def version(self, name: str) -> str:
        """What a station has before it is begun; empty for nothing, or where it is not known."""

    def go_back(self, name: str, had: str) -> str:
        """Take a station back to what it had; why it is not there, or nothing.

        Also one at which the update is still at work. Raises DeviceError for one out of reach.
        had: what `version` said before. One that had the release keeps it.
        """

    def close(self) -> None:
        """Leave; twice is fine."""
