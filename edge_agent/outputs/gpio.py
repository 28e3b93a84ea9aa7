"""A pin of a GPIO chip (Linux character device, libgpiod 2) as an output."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from edge_agent.contracts.core.clock import Clock
from edge_agent.contracts.core.extras import GPIOD, Library
from edge_agent.fieldbus.gpio_lines import GpioLines
from edge_agent.outputs.level import LevelOutput, LevelTable
from edge_agent.outputs.output import OutputDriver


class GpioOutputTable(LevelTable):
    """A pin that is set for each decision: 0 inactive, 1 active.

    When the station is killed the kernel gives the pin back; wire the gate so that a pin without
    a driver is the safe state.
    """

    driver: Literal["gpio"]
    chip: str = Field(default="/dev/gpiochip0", description="path of the chip")
    line: int | str = Field(description="number, or name as `gpioinfo` lists it")
    active_low: bool = Field(default=False, description="active is the low voltage")
    drive: Literal["push-pull", "open-drain", "open-source"] = Field(
        default="push-pull", description="how the pin is driven"
    )
    accept_value: int = Field(default=0, ge=0, le=1, description="value that lets a part pass")
    reject_value: int = Field(default=1, ge=0, le=1, description="value that rejects a part")
    stop_value: int = Field(default=1, ge=0, le=1, description="value that stops the line")

    @property
    def libraries(self) -> tuple[Library, ...]:
        """What it needs beyond the extra [device]."""
        return (GPIOD,)


class GpioPin:
    """One requested line."""

    def __init__(self, config: GpioOutputTable, name: str) -> None:
        self._config = config
        where = f"output {name} ({config.chip} line {config.line})"
        self._lines = GpioLines(config.chip, where=where, consumer=f"lineside-{name}")

    def open(self) -> None:
        """Request the line, at once with the value of its safe state: no other is ever shown."""
        self.close()
        self._lines.check_library()
        import gpiod
        from gpiod.line import Direction, Drive, Value

        config = self._config
        drives = {
            "push-pull": Drive.PUSH_PULL,
            "open-drain": Drive.OPEN_DRAIN,
            "open-source": Drive.OPEN_SOURCE,
        }
        settings = gpiod.LineSettings(
            direction=Direction.OUTPUT,
            active_low=config.active_low,
            drive=drives[config.drive],
            output_value=Value(config.value_of(config.safe_state)),
        )
        self._lines.request({config.line: settings})

    def write(self, value: int) -> None:
        """Set the line."""
        from gpiod.line import Value

        try:
            self._lines.held.set_value(self._config.line, Value(value))
        except OSError as error:
            raise self._lines.error(f"cannot be set ({error})") from error

    def read(self) -> int:
        """Read the line."""
        from gpiod.line import Value

        try:
            return int(self._lines.held.get_value(self._config.line) == Value.ACTIVE)
        except OSError as error:
            raise self._lines.error(f"cannot be read ({error})") from error

    def close(self) -> None:
        """Give the line back."""
        self._lines.release()


class GpioOutput(LevelOutput):
    """Drives the pin."""

    def __init__(self, config: GpioOutputTable, *, name: str, clock: Clock) -> None:
        del clock
        super().__init__(config, GpioPin(config, name), name)


DRIVER = OutputDriver(GpioOutputTable, GpioOutput, reads_back=True)
