"""The camera while it is set up: its last picture and its gauges, in a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from edge_agent.capture.source import EndOfSource, Source
from edge_agent.capture.view import ViewTable, seen_by
from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import LinesideError
from edge_agent.contracts.core.types import Frame
from edge_agent.health.gauges import Gauges, gauge

TAKE_S = 0.5
PERIOD_S = 0.1
"""Between two pictures at least: a person looks at them."""
END_S = 5.0


@dataclass(frozen=True)
class Look:
    """Of the last frame. sharpness: against the best since the camera was opened, 0-1."""

    gauges: Gauges
    sharpness: float
    size_px: tuple[int, int]


class SetupCamera:
    """Shows whole frames until close(), and measures what the view sees of them.

    fault: why it stopped, or empty. One owner of the source.
    """

    def __init__(
        self,
        source: Source,
        show: Callable[[Frame], None],
        *,
        clock: Clock,
        view: ViewTable | None = None,
    ) -> None:
        self.look: Look | None = None
        self.fault = ""
        self._source = source
        self._show = show
        self._clock = clock
        self._view = view or ViewTable()
        self._best = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="setup-camera", daemon=True)

    def open(self) -> None:
        """Open the camera and begin; raises DeviceError."""
        self._source.open()
        self._thread.start()

    def close(self) -> None:
        """End, and release the camera; closing twice is fine."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(END_S)

    def _run(self) -> None:
        try:
            while not self._stopping.wait(PERIOD_S):
                item = self._source.next(TAKE_S)
                if isinstance(item, Frame):
                    self._take(item)
        except EndOfSource:
            self.fault = "the source has ended"
        except LinesideError as error:
            self.fault = str(error)
        finally:
            self._source.close()

    def _take(self, frame: Frame) -> None:
        found = gauge(seen_by(frame.image, self._view))
        self._best = max(self._best, found.sharpness)
        share = found.sharpness / self._best if self._best else 0.0
        height, width = frame.image.shape[:2]
        self.look = Look(found, share, (width, height))
        self._show(frame)
