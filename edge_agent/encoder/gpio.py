"""An incremental encoder at one or two pins (Linux character device, libgpiod 2)."""

from __future__ import annotations

from datetime import timedelta
from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.extras import GPIOD, Library
from edge_agent.encoder.encoder import EncoderDriver, EncoderTable
from edge_agent.fieldbus.gpio_lines import GpioLines


class GpioEncoderTable(EncoderTable):
    """Track A, and track B where the belt can move backwards: four counts a period, else one."""

    driver: Literal["gpio"]
    chip: str = Field(default="/dev/gpiochip0", description="path of the chip")
    line_a: int = Field(ge=0, description="number of track A's pin")
    line_b: int | None = Field(default=None, ge=0, description="number of track B's pin")

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (GPIOD,)


class Quadrature:
    """Counts edges; with track B four a period, and backwards too.

    A lost edge of one track is not seen in the states, but in the kernel's numbers.
    """

    def __init__(self, line_a: int, line_b: int | None, a: bool = False, b: bool = False) -> None:
        self.counts = 0
        self.lost = 0
        self._line_a = line_a
        self._line_b = line_b
        self._a, self._b = a, b
        self._number = 0

    def edge(self, line: int, rising: bool, number: int) -> None:
        """An edge of a line; `number` counts the edges of all lines from 1."""
        self.lost += max(0, number - self._number - 1)
        self._number = number
        if self._line_b is None:
            self.counts += rising
        elif line == self._line_a:
            self._a = rising
            self.counts += 1 if self._a != self._b else -1
        else:
            self._b = rising
            self.counts += 1 if self._a == self._b else -1


class GpioEncoder:
    """Reads the edges that came since the last reading."""

    def __init__(self, config: GpioEncoderTable, *, clock: Clock) -> None:
        del clock
        self._config = config
        where = f"encoder ({config.chip} line {config.line_a})"
        self._lines = GpioLines(config.chip, where=where, consumer="lineside-encoder")
        self._quadrature = Quadrature(config.line_a, config.line_b)

    def open(self) -> None:
        """Request the lines; raises DeviceError."""
        self.close()
        self._lines.check_library()
        import gpiod
        from gpiod.line import Direction, Edge, Value

        config = self._config
        lines = [config.line_a] if config.line_b is None else [config.line_a, config.line_b]
        settings = gpiod.LineSettings(direction=Direction.INPUT, edge_detection=Edge.BOTH)
        request = self._lines.request(dict.fromkeys(lines, settings))
        try:
            states = [request.get_value(line) == Value.ACTIVE for line in lines]
        except (OSError, ValueError) as error:
            raise self._lines.error(f"cannot be had ({error})") from error
        self._quadrature = Quadrature(config.line_a, config.line_b, states[0], states[-1])

    def read(self) -> int:
        """Counts since open(); raises DeviceError when the chip is gone or edges were lost."""
        request = self._lines.held
        try:
            while request.wait_edge_events(timedelta(0)):
                for event in request.read_edge_events():
                    rising = event.event_type == event.Type.RISING_EDGE
                    self._quadrature.edge(event.line_offset, rising, event.global_seqno)
        except OSError as error:
            raise self._lines.error(f"cannot be read ({error})") from error
        if self._quadrature.lost:
            raise self._lines.error(f"was too fast: {self._quadrature.lost} edges are lost")
        return self._quadrature.counts

    def close(self) -> None:
        """Give the lines back."""
        self._lines.release()


DRIVER = EncoderDriver(GpioEncoderTable, GpioEncoder)
