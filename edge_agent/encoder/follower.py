"""The thread that reads the encoder; a lost one is opened again."""

from __future__ import annotations

import logging
import threading

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.errors import DeviceError
from edge_agent.contracts.core.real_time import RealTimeThread
from edge_agent.encoder.encoder import Encoder
from edge_agent.encoder.track import Track

LOG = logging.getLogger("lineside.encoder")

REOPEN_S = 0.5
END_S = 5.0


class Follower:
    """Notes the belt's way in `track`; start() and stop() own its thread. fault: what is lost."""

    def __init__(
        self, encoder: Encoder, *, um_per_count: float, poll_s: float, clock: Clock
    ) -> None:
        self.track = Track()
        self.fault = ""
        self._encoder = encoder
        self._um_per_count = um_per_count
        self._poll_s = poll_s
        self._clock = clock
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Open the encoder and begin to follow; raises DeviceError."""
        self.stop()
        self._encoder.open()
        self.fault = ""
        self._stopping.clear()
        self._thread = threading.Thread(target=self._run, name="encoder", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and release the device."""
        self._stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(END_S)
        self._encoder.close()
        self.track.forget()

    def _run(self) -> None:
        turn = RealTimeThread()
        while not self._stopping.wait(REOPEN_S if self.fault else self._poll_s):
            turn.keep()
            try:
                self._step()
            except DeviceError as error:
                self._lose(str(error))
            except Exception as error:
                LOG.exception("the encoder failed; going on")
                self._lose(repr(error))

    def _step(self) -> None:
        if self.fault:
            self._encoder.open()
            LOG.warning("the encoder is there again")
            self.fault = ""
        counts = self._encoder.read()
        self.track.note(self._clock.mono_ns(), round(counts * self._um_per_count))

    def _lose(self, fault: str) -> None:
        if not self.fault:
            LOG.error("the encoder is lost: %s", fault)
        self.fault = fault
        self._encoder.close()
        self.track.forget()
