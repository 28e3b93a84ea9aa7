"""What every driver is: a source of frames or readings, one owner, no I/O before open()."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from edge_agent.contracts.core.types import Item


class EndOfSource(Exception):  # noqa: N818 - an end, not an error
    """The source has given all it had (a folder that stops at its end, a twin with N parts)."""


class Source(Protocol):
    """One driver, built as `Driver(config, name=..., clock=...)`; closing twice is fine.

    live: items come whether or not anybody looks (a camera, a paced replay), so a full queue drops
    the oldest; a source that is not live is read only when the line is ready for the next item.
    """

    live: bool

    def open(self) -> None:
        """Open and read back what was set; raises DeviceError when absent or not as asked."""

    def next(self, timeout_s: float) -> Item | None:
        """The next item, or None when none came in time.

        Raises EndOfSource at the end, DeviceError when the device is lost (the station reopens).
        """

    def close(self) -> None:
        """Release the device."""


@runtime_checkable
class Announcing(Protocol):
    """A source that hears of a part before it can give the part's item."""

    def unfinished(self) -> list[Item]:
        """Every part that was announced and not given: its item, or Unreadable; then none waits."""
