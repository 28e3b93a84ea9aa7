"""The messages of the agent to systemd: sd_notify(3), one datagram for each message.

Without NOTIFY_SOCKET in the environment (a terminal, a test) nothing is sent.
"""

from __future__ import annotations

import logging
import os
import socket
from collections.abc import Mapping

from edge_agent.contracts.core.clock import Clock, SystemClock

LOG = logging.getLogger("lineside.station")

STATUS_CHARACTERS = 300
REPEAT_S = 1.0
"""Without a watchdog, a READY that the manager had no room for is sent again after this."""


class Supervisor:
    """The service manager at the datagram socket `address`.

    watchdog_s: without a sign of life for so long it ends and starts the agent again; 0: never.
    """

    def __init__(
        self, address: str = "", watchdog_s: float = 0.0, clock: Clock | None = None
    ) -> None:
        self.watchdog_s = watchdog_s
        self._clock = clock or SystemClock()
        self._address = f"\0{address[1:]}" if address.startswith("@") else address
        self._next_s = 0.0
        self._armed = False
        self._ready_sent = False
        self._failing = False

    def ready(self) -> None:
        """The station is armed; sent once, by alive() where it could not be sent here."""
        self._armed = True
        if not self._ready_sent:
            self._ready_sent = self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`."""
        self._send(f"STATUS={' '.join(text.split())[:STATUS_CHARACTERS]}")

    def alive(self) -> None:
        """A sign of life; may be called at any rate, four a period are sent."""
        now = self._clock.mono_ns() / 1e9
        if now < self._next_s:
            return
        self._next_s = now + (self.watchdog_s / 4 or REPEAT_S)
        if self._armed:
            self.ready()
        if self.watchdog_s:
            self._send("WATCHDOG=1")

    def wait_for_us(self, seconds: float) -> None:
        """Starting or stopping goes on: do not end us before `seconds` are over."""
        self._send(f"EXTEND_TIMEOUT_USEC={round(seconds * 1e6)}")

    def stopping(self) -> None:
        """The station ends by itself or was asked to."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> bool:
        """Whether nobody is there to be told, or the manager took it."""
        if not self._address:
            return True
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as link:
                link.sendto(message.encode("utf-8", "backslashreplace"), self._address)
        except OSError as error:
            if not self._failing:
                LOG.warning("the service manager cannot be told %s: %s", message, error)
            self._failing = True
            return False
        self._failing = False
        return True


def supervisor_of(environment: Mapping[str, str]) -> Supervisor:
    """The service manager that started this process (systemd.exec(5), sd_watchdog_enabled(3))."""
    ours = environment.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
    period_us = environment.get("WATCHDOG_USEC", "0") if ours else "0"
    watchdog_s = int(period_us) / 1e6 if period_us.isdecimal() else 0.0
    return Supervisor(environment.get("NOTIFY_SOCKET", ""), watchdog_s)
