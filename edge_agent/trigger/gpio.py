"""Edges of a pin (Linux character device, libgpiod 2): a light barrier or a proximity switch."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.extras import GPIOD, Library
from edge_agent.fieldbus.gpio_lines import GpioLines
from edge_agent.trigger.trigger import TriggerDriver, TriggerEvent, TriggerStatus, TriggerTable


class GpioTriggerTable(TriggerTable):
    """An edge of a pin for each part; the kernel stamps and numbers it."""

    driver: Literal["gpio"]
    chip: str = Field(default="/dev/gpiochip0", description="path of the chip")
    line: int | str = Field(description="number, or name as `gpioinfo` lists it")
    edge: Literal["rising", "falling"] = Field(default="rising", description="which edge")
    bias: Literal["as-is", "pull-up", "pull-down"] = Field(
        default="as-is", description="resistor inside the chip"
    )
    debounce_ms: float = Field(
        default=1, ge=0, le=1000, description="shorter pulses are no edges (by the kernel)"
    )
    dead_ms: float = Field(
        default=0, ge=0, le=60_000, description="edges so soon after a part are bounce"
    )

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (GPIOD,)


class GpioTrigger:
    """Gives an event for each edge, with the kernel's time and number."""

    def __init__(self, config: GpioTriggerTable, *, name: str, clock: Clock) -> None:
        self._config = config
        del clock  # the kernel stamps the edges
        where = f"trigger {name} ({config.chip} line {config.line})"
        self._lines = GpioLines(config.chip, where=where, consumer=f"lineside-{name}")
        self._waiting: list[tuple[int, int]] = []
        self._last_ns: int | None = None
        self._number = 0
        self._seq = self._events = self._missed = self._suppressed = 0
        self._fault = ""

    def open(self) -> None:
        """Request the line; edges before it are no parts."""
        self.close()
        self._lines.check_library()
        import gpiod
        from gpiod.line import Bias, Direction, Edge
        from gpiod.line import Clock as EdgeClock

        config = self._config
        biases = {
            "as-is": Bias.AS_IS,
            "pull-up": Bias.PULL_UP,
            "pull-down": Bias.PULL_DOWN,
        }
        settings = gpiod.LineSettings(
            direction=Direction.INPUT,
            edge_detection=Edge.RISING if config.edge == "rising" else Edge.FALLING,
            bias=biases[config.bias],
            debounce_period=timedelta(milliseconds=config.debounce_ms),
            event_clock=EdgeClock.MONOTONIC,
        )
        self._lines.request({config.line: settings})
        self._waiting, self._number, self._fault = [], 0, ""

    def next(self, timeout_s: float) -> TriggerEvent | None:
        """The next edge, or None when none came in time; raises DeviceError when the chip is gone.

        A pulse inside the dead time is suppressed and counted.
        """
        request = self._lines.held
        if not self._waiting:
            try:
                if request.wait_edge_events(timedelta(seconds=timeout_s)):
                    read = request.read_edge_events()
                    self._waiting = [(one.timestamp_ns, one.line_seqno) for one in read]
            except OSError as error:
                self._fault = str(error)
                raise self._lines.error(f"cannot be read ({error})") from error
        while self._waiting:
            event = self._event(*self._waiting.pop(0))
            if event is not None:
                return event
        return None

    def status(self) -> TriggerStatus:
        """Edges given, lost in the kernel, and suppressed."""
        return TriggerStatus(self._events, self._missed, self._suppressed, self._fault)

    def close(self) -> None:
        """Give the line back."""
        self._lines.release()

    def _event(self, mono_ns: int, number: int) -> TriggerEvent | None:
        lost, self._number = max(0, number - self._number - 1), number
        self._missed += lost
        self._seq += lost
        last = self._last_ns
        if last is not None and mono_ns - last < self._config.dead_ms * 1e6:
            self._suppressed += 1
            return None
        self._last_ns = mono_ns
        self._events += 1
        seq, self._seq = self._seq, self._seq + 1
        return TriggerEvent(mono_ns, seq)


DRIVER = TriggerDriver(GpioTriggerTable, GpioTrigger)
