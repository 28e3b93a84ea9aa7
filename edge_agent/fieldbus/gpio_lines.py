"""Lines of a GPIO chip (Linux character device, libgpiod 2) that a driver holds."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.extras import GPIOD, missing

if TYPE_CHECKING:
    import gpiod

BUFFERED = 1024
"""Edges that the kernel holds for us; further ones are lost, and their numbers tell it."""


class GpioLines:
    """Used by one thread. where: what messages call them; consumer: the name that the kernel shows.

    Every error is a DeviceError of `where`.
    """

    def __init__(self, chip: str, *, where: str, consumer: str) -> None:
        self._chip = chip
        self._where = where
        self._consumer = consumer
        self._request: gpiod.LineRequest | None = None

    def check_library(self) -> None:
        """Raise DeviceError where libgpiod is not installed; its settings can be made after it."""
        try:
            import gpiod.line  # noqa: F401
        except ImportError as error:
            raise missing(GPIOD, self._where) from error

    def request(
        self, settings: dict[Iterable[int | str] | int, gpiod.LineSettings | None]
    ) -> gpiod.LineRequest:
        """Take the lines, each with its settings."""
        import gpiod

        try:
            self._request = gpiod.request_lines(
                self._chip, settings, consumer=self._consumer, event_buffer_size=BUFFERED
            )
        except (OSError, ValueError) as error:
            raise self.error(f"cannot be had ({error})") from error
        return self._request

    @property
    def held(self) -> gpiod.LineRequest:
        """What was taken; raises DeviceError where nothing was."""
        if self._request is None:
            raise self.error("is not open")
        return self._request

    def release(self) -> None:
        """Give the lines back."""
        request, self._request = self._request, None
        if request is not None:
            request.release()

    def error(self, what: str) -> DeviceError:
        """The error of these lines."""
        cure = "look at it with `gpioinfo`; the user needs the group gpio"
        return DeviceError(what, where=self._where, cure=cure)
